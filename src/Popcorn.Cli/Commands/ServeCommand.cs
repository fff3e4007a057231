using System.CommandLine;
using System.CommandLine.Parsing;
using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Popcorn.Cli.Configuration;
using Popcorn.Cli.Measurement;
using Popcorn.Cli.Service;
using Popcorn.Cli.Terminal;
using Popcorn.Engine;
using Popcorn.Engine.Costs;
using Popcorn.Engine.Families;
using Popcorn.Engine.Sessions;
using Popcorn.Hosting;
using Popcorn.Interop;

namespace Popcorn.Cli.Commands;

/// <summary><c>popcorn serve</c>: the service.</summary>
internal static partial class ServeCommand
{
    /// <summary>The option by which a server accepts keys of short order.</summary>
    public const string AcceptShortOrder = "--accept-short-order";

    private const string Json = "json";

    /// <summary>For queries under way when Ctrl-C ends the server.</summary>
    private static readonly TimeSpan InterruptionGrace = TimeSpan.FromSeconds(2);

    public static Command Create()
    {
        var models = new Argument<string[]>("models")
        {
            Description = "Integer networks, or folders of such; a model's name is its file's, without the "
                + "extension. On SIGHUP those are read again that have changed, came or went.",
            HelpName = "M.popcorn",
            Arity = ArgumentArity.OneOrMore,
        };
        var listen = new Option<string>("--listen")
        {
            Description = "Address and port; port 0 picks a free one. https:// with --certificate.",
            HelpName = "http://127.0.0.1:PORT",
            DefaultValueFactory = _ => "http://127.0.0.1:7310",
        };
        Option<int> connections = new Option<int>("--max-connections")
        {
            Description = "Clients at the same time.",
            DefaultValueFactory = _ => new PopcornOptions().MaxConnections,
        }.InRange(1, 1 << 16);
        Option<int> perAddress = new Option<int>("--connections-per-address")
        {
            Description = "Clients of one address at the same time; behind a reverse proxy as many as "
                + "--max-connections.",
            DefaultValueFactory = _ => new PopcornOptions().MaxConnectionsPerAddress,
        }.InRange(1, 1 << 16);
        Option<int> threads = new Option<int>("--threads")
        {
            Description = "Threads that one client's query may use; 0: all cores.",
            DefaultValueFactory = _ => 0,
        }.InRange(0, 1 << 10);
        Option<int> chunk = ChunkOption();
        Option<int> memory = new Option<int>("--memory")
        {
            Description = "Memory of all clients, models apart; those of one address get half of it at most. "
                + "By default half of this machine's, or container's.",
            HelpName = "MIB",
            DefaultValueFactory = _ => (int)Math.Clamp(new PopcornOptions().MemoryBytes >> 20, 16, 1 << 24),
        }.InRange(16, 1 << 24);
        Option<int> handshake = Seconds(
            "--handshake-timeout", "How long a client may take to introduce itself.",
            options => options.HandshakeTimeout);
        Option<int> idle = Seconds(
            "--idle-timeout", "How long a client may say nothing between queries.", options => options.IdleTimeout);
        Option<int> stall = Seconds(
            "--stall-timeout", "How long a client may take for an answer within a query.",
            options => options.StallTimeout);
        Option<int> queue = Seconds(
            "--queue-timeout", "How long a client waits for memory before it is told to try again later.",
            options => options.QueueTimeout);
        Option<int> ping = Seconds(
            "--ping-interval",
            "How long a connection may be quiet before it is asked whether the client is there; a proxy in between "
            + "must wait longer.",
            options => options.KeepAliveInterval);
        Option<int> drain = Seconds(
            "--drain-timeout",
            "How long queries under way may go on when SIGTERM ends the server; those who ask for none leave at once.",
            options => options.ShutdownGrace);
        var families = new FamilyOptions(
            "The only family of protocols to offer; by default all that can serve a model, the cheaper one first.",
            "for the choice between families");
        var acceptShortOrder = new Option<bool>(AcceptShortOrder)
        {
            Description = "Accept keys of short order, of clients trusted to make them as they should; see "
                + "THREAT_MODEL.md.",
        };
        var certificate = new Option<string?>("--certificate")
        {
            Description = "PEM file of the certificate, with those that lead to a trusted one, for https; read again "
                + "when it changes.",
            HelpName = "FILE",
        };
        var certificateKey = new Option<string?>("--certificate-key")
        {
            Description = "PEM file of its private key; by default in the same file.",
            HelpName = "FILE",
        };
        var clients = new Option<string?>("--clients")
        {
            Description = "File of the clients that may connect, as 'popcorn token' makes it; read again when it "
                + "changes. By default anybody may.",
            HelpName = "FILE",
        };
        var jwtAuthority = new Option<string?>("--jwt-authority")
        {
            Description = "OpenID provider whose tokens clients show, in place of --clients.",
            HelpName = "URL",
        };
        var jwtKey = new Option<string?>("--jwt-key")
        {
            Description = "PEM file of the public key by which the tokens are checked that clients show, in place of "
                + "--clients; read again when it changes.",
            HelpName = "FILE",
        };
        var jwtAudience = new Option<string?>("--jwt-audience")
        {
            Description = "For whom such a token must be.",
            HelpName = "NAME",
        };
        var noForecast = new Option<bool>("--no-forecast")
        {
            Description = "Do not measure this machine to predict what queries will cost, for the log and for the "
                + "choice between families: the first that can serve a model is preferred; and test nothing first.",
        };
        Option<string?> logFormat = new Option<string?>("--log-format")
        {
            Description = "What a line of the log on stderr is: text, or an object of JSON.",
            HelpName = "text|json",
            DefaultValueFactory = _ => "text",
        }.AcceptOnly("text", Json);
        Option<string?> logLevel = new Option<string?>("--log-level")
        {
            Description = "The least that is worth a line in the log: debug, information, warning or error.",
            HelpName = "LEVEL",
            DefaultValueFactory = _ => "information",
        }.AcceptOnly("debug", "information", "warning", "error");
        var otlp = new Option<string?>("--otlp")
        {
            Description = "OpenTelemetry collector that gets metrics, traces and the log; by default where "
                + "OTEL_EXPORTER_OTLP_ENDPOINT says, if it does.",
            HelpName = "URL",
        };
        var metrics = new Option<bool>("--metrics")
        {
            Description = $"Tell Prometheus, at {Telemetry.MetricsPath}: with a token, where clients need one.",
        };
        var untilInputEnds = new Option<bool>(ServerProcess.UntilInputEnds) { Hidden = true };
        var command = new Command("serve", "Answer inference queries.")
        {
            models, listen, connections, perAddress, threads, chunk, memory, handshake, idle, stall, queue,
            ping, drain, certificate, certificateKey, clients, jwtAuthority, jwtKey, jwtAudience, noForecast,
            acceptShortOrder, logFormat, logLevel, otlp, metrics, ConfiguredOptions.Config, untilInputEnds,
        };
        families.AddTo(command);
        command.Validators.Add(result =>
        {
            Option[] ways = [.. ((Option[])[clients, jwtAuthority, jwtKey]).Where(
                option => result.GetResult(option) is not null)];
            if (ways.Length > 1)
            {
                result.AddError($"{ways[0].Name} and {ways[1].Name} are two ways to know clients; choose one.");
            }

            if (ways.Any(way => way != clients) != (result.GetResult(jwtAudience) is not null))
            {
                result.AddError("--jwt-audience belongs to --jwt-authority or --jwt-key, and these want it.");
            }
        });
        command.SetWork(async (parsed, output, cancellationToken) =>
        {
            Interruption.IsService = true;
            ILogger? logger = null;
            ServerCertificate? tls = parsed.GetValue(certificate) is string pem
                ? new ServerCertificate(pem, parsed.GetValue(certificateKey) ?? pem, Report)
                : null;
            IPEndPoint address = ParseAddress(parsed.GetRequiredValue(listen), isSecure: tls is not null);
            var telemetry = new Telemetry(Telemetry.EndpointOr(parsed.GetValue(otlp)), parsed.GetValue(metrics));
            bool forecasts = !parsed.GetValue(noForecast);
            string audience = parsed.GetValue(jwtAudience) ?? "";
            ITokens? tokens = parsed.GetValue(clients) is string file ? new ClientRegister(file, Report)
                : parsed.GetValue(jwtAuthority) is string url ? SignedTokens.OfAuthority(url, audience)
                : parsed.GetValue(jwtKey) is string key
                    ? SignedTokens.OfKey(key, audience, Report, TimeProvider.System)
                : null;
            FamilyOffer offer = families.OfferIn(parsed, FamilyRegistry.Create(parsed.GetValue(chunk)));
            using var files = new ModelFiles(
                parsed.GetRequiredValue(models), () => ListAgain(parsed, models), offer,
                forecasts ? model => Rank(offer, model) : null);
            using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            if (parsed.GetValue(untilInputEnds))
            {
                StopWhenInputEnds(stop);
            }

            var limits = new PopcornOptions
            {
                WarmUp = false, // that would be beside the first queries
                MaxConnections = parsed.GetValue(connections),
                MaxConnectionsPerAddress = parsed.GetValue(perAddress),
                DegreeOfParallelism = parsed.GetValue(threads),
                MemoryBytes = (long)parsed.GetValue(memory) << 20,
                HandshakeTimeout = TimeSpan.FromSeconds(parsed.GetValue(handshake)),
                IdleTimeout = TimeSpan.FromSeconds(parsed.GetValue(idle)),
                StallTimeout = TimeSpan.FromSeconds(parsed.GetValue(stall)),
                QueueTimeout = TimeSpan.FromSeconds(parsed.GetValue(queue)),
                KeepAliveInterval = TimeSpan.FromSeconds(parsed.GetValue(ping)),
                ShutdownGrace = TimeSpan.FromSeconds(parsed.GetValue(drain)),
                AcceptShortOrder = parsed.GetValue(acceptShortOrder),
            };
            Interruption.Patience = limits.ShutdownGrace + InferenceHost.EndGrace;
            var log = new LogOptions(
                parsed.GetValue(logFormat) == Json, Enum.Parse<LogLevel>(parsed.GetValue(logLevel)!, ignoreCase: true));
            WebApplication app = InferenceHost.Build(address, tls, tokens, files.Models, limits, log, telemetry);
            logger = app.Logger;
            await using (app.ConfigureAwait(false))
            {
                if (forecasts)
                {
                    // Before there is anybody whose query it would slow down.
                    await SelfTest.RunAsync(stop.Token).ConfigureAwait(false);
                }

                await RunAsync(app, address, files, limits, forecasts, output, stop.Token).ConfigureAwait(false);
            }

            cancellationToken.ThrowIfCancellationRequested();

            void Report(string why)
            {
                if (logger is null)
                {
                    Output.Note(why);
                }
                else
                {
                    LogKept(logger, why);
                }
            }
        });
        return command;
    }

    /// <summary>How many packed ciphertexts a message of a round holds.</summary>
    public static Option<int> ChunkOption() => new Option<int>("--chunk")
    {
        Description =
            "Packed ciphertexts in one message of a round, at most: more for many cores, fewer for less memory.",
        HelpName = "N",
        DefaultValueFactory = _ => FamilyRegistry.DefaultChunkCiphertexts,
    }.InRange(1, FamilyRegistry.MostChunkCiphertexts);

    /// <summary>The models that the same command line asks for now: what is configured may have changed.</summary>
    /// <exception cref="PopcornException">What is configured cannot be used.</exception>
    private static string[] ListAgain(ParseResult before, Argument<string[]> models)
    {
        ParseResult parsed = ConfiguredOptions.Parse(
            (RootCommand)before.RootCommandResult.Command, Environment.GetCommandLineArgs()[1..]);
        return parsed.Errors is [ParseError error, ..]
            ? throw new PopcornException(error.Message)
            : parsed.GetRequiredValue(models);
    }

    private static Option<int> Seconds(string name, string description, Func<PopcornOptions, TimeSpan> of) =>
        new Option<int>(name)
        {
            Description = description,
            HelpName = "SECONDS",
            DefaultValueFactory = _ => (int)of(new PopcornOptions()).TotalSeconds,
        }.InRange(1, 1 << 20);

    private static async Task RunAsync(
        WebApplication app,
        IPEndPoint address,
        ModelFiles files,
        PopcornOptions limits,
        bool forecasts,
        Output output,
        CancellationToken cancellationToken)
    {
        try
        {
            await app.StartAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (Exception e) when (e is IOException or SocketException)
        {
            throw new PopcornException(BindFailure(address, e), e);
        }

        files.FollowSignal(app.Logger);
        IReadOnlyList<ServedModel> served = files.Models.All;
        string url = app.Urls.First();
        if (output.IsJson)
        {
            Output.WriteJson(
                new ServeReport(url, [.. served.Select(model => model.Name)]), ReportJson.Default.ServeReport);
        }

        output.Line($"{ServerProcess.ReadyPrefix}{url}");
        if (forecasts)
        {
            _ = Task.Run(
                () =>
                {
                    foreach (ServedModel model in served)
                    {
                        Forecast(app.Logger, model);
                    }
                },
                cancellationToken);
        }

        using var shutdown = new CancellationTokenSource();
        using CancellationTokenRegistration begins = cancellationToken.Register(() =>
        {
            if (!Interruption.IsTermination)
            {
                limits.ShutdownGrace = InterruptionGrace;
            }

            shutdown.Cancel();
        });
        await app.WaitForShutdownAsync(shutdown.Token).ConfigureAwait(false);
    }

    private static void Rank(FamilyOffer offer, ServedModel model) => offer.Rank(
        model, KeygenCommand.DefaultBits,
        family => OperationTimesCache.Inspect(model, KeygenCommand.DefaultBits, family: family));

    /// <summary>Says in the log what a query will cost; queries need not wait for it.</summary>
    private static void Forecast(ILogger logger, ServedModel model)
    {
        try
        {
            Prediction cost = OperationTimesCache.Inspect(model, KeygenCommand.DefaultBits).Predicted;
            LogForecast(
                logger,
                model.Name,
                KeygenCommand.DefaultBits,
                cost.Seconds,
                $"{Units.Bytes(cost.BytesUp)} up, {Units.Bytes(cost.BytesDown)} down, {cost.Rounds} rounds and up to "
                + Units.Bytes(cost.ServerMemoryBytes));
        }
        catch (Exception e) when (e is PopcornException or PaillierException or ObjectDisposedException)
        {
            // Such a model needs larger keys, or the service is stopping already.
        }
    }

    [LoggerMessage(LogLevel.Information,
        "{Model}: an inference under a key of {KeyBits} bits, both parties on this machine, will take "
        + "{Seconds:0.00} s, {Cost} of ciphertexts here")]
    private static partial void LogForecast(ILogger logger, string model, int keyBits, double seconds, string cost);

    [LoggerMessage(LogLevel.Warning, "{Why}")]
    private static partial void LogKept(ILogger logger, string why);

    private static IPEndPoint ParseAddress(string listen, bool isSecure)
    {
        string scheme = isSecure ? Uri.UriSchemeHttps : Uri.UriSchemeHttp;
        if (!Uri.TryCreate(listen, UriKind.Absolute, out Uri? url) || url.Scheme != scheme || url.AbsolutePath != "/")
        {
            throw new PopcornException(
                $"--listen {listen}: write {scheme}://ADDRESS:PORT ({(isSecure ? "with" : "https goes with")} "
                + "--certificate).");
        }

        if (url.Host == "localhost")
        {
            return new IPEndPoint(IPAddress.Loopback, url.Port);
        }

        return IPAddress.TryParse(url.DnsSafeHost, out IPAddress? address)
            ? new IPEndPoint(address, url.Port)
            : throw new PopcornException(
                $"--listen {listen}: '{url.Host}' is no address; write this machine's IP address or localhost.");
    }

    private static string BindFailure(IPEndPoint address, Exception e)
    {
        for (Exception? cause = e; cause is not null; cause = cause.InnerException)
        {
            switch (cause)
            {
                case SocketException { SocketErrorCode: SocketError.AddressAlreadyInUse }:
                    return $"Port {address.Port} of {address.Address} is in use; choose another, or 0 for a free one.";
                case SocketException { SocketErrorCode: SocketError.AddressNotAvailable }:
                    return $"This machine has no address {address.Address}; listen on one of its own, or on 0.0.0.0.";
                case SocketException { SocketErrorCode: SocketError.AccessDenied }:
                    return $"Listening on {address} is not allowed; take a port above 1023.";
            }
        }

        return $"Cannot listen on {address}: {e.Message}";
    }

    private static void StopWhenInputEnds(CancellationTokenSource stop)
    {
        // A thread of its own: reading standard input blocks, and its asynchronous methods do so as well.
        var watch = new Thread(() =>
        {
            Console.OpenStandardInput().CopyTo(Stream.Null);
            try
            {
                stop.Cancel();
            }
            catch (ObjectDisposedException)
            {
                // The service has ended before its input.
            }
        })
        {
            IsBackground = true,
        };
        watch.Start();
    }
}
