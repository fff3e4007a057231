using System.Diagnostics.Metrics;
using System.Net;
using System.Net.Sockets;
using System.Net.WebSockets;
using System.Numerics;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.TestHost;
using Microsoft.Extensions.DependencyInjection;
using Popcorn.Engine;
using Popcorn.Engine.Blinded;
using Popcorn.Engine.Evaluation;
using Popcorn.Engine.Model;
using Popcorn.Engine.Planning;
using Popcorn.Engine.Protocols;
using Popcorn.Engine.Sessions;
using Popcorn.Engine.Tests.Protocols;
using Popcorn.Engine.Wire;
using Popcorn.Hosting;
using Popcorn.Interop;
using Popcorn.Tests;

namespace Popcorn.EndToEnd.Tests;

/// <summary>The service within ASP.NET Core, and what clients of ill will or bad luck do to it: nothing.</summary>
public sealed class ServiceTests : IClassFixture<ServiceTests.Key>
{
    private readonly PaillierPrivateKey _key;

    public ServiceTests(Key key) => _key = key.Private;

    /// <summary>What a client says of its key.</summary>
    private byte[] Opening => [.. _key.PublicKey.Export(), .. _key.ProveModulus()];

    /// <summary>One key for all tests.</summary>
    public sealed class Key : IDisposable
    {
        public PaillierPrivateKey Private { get; } = TestService.QuickKey();

        public void Dispose() => Private.Dispose();
    }

    [Fact]
    public async Task Several_clients_at_once_get_exact_logits()
    {
        await using TestService service = await TestService.StartAsync();
        var evaluator = new PlainEvaluator(TestFiles.TinyNetwork());
        await Task.WhenAll(Enumerable.Range(0, 3).Select(async client =>
        {
            await using ClientSession session = await OpenAsync(service);
            for (int query = 0; query < 2; query++)
            {
                int[] image = Image(client * 10 + query);
                InferenceResult result = await session.InferAsync(image, null, default);
                Assert.Equal(evaluator.Run(image), result.Logits);
            }
        }));
    }

    [Fact]
    public async Task A_family_without_cryptography_runs_over_the_same_transport()
    {
        var family = new NoOpFamily();
        await using TestService service = await TestService.StartAsync(families: family);
        var evaluator = new PlainEvaluator(TestFiles.TinyNetwork());
        var options = new ClientOptions { Families = [family] };
        await using ClientSession session =
            await ClientSession.OpenAsync(await service.ConnectAsync(), _key, "tiny", options, default);
        await session.PrepareAsync();
        for (int query = 0; query < 20; query++)
        {
            Assert.Equal(
                evaluator.Run(Image(query)), (await session.InferAsync(Image(query), null, default)).Logits);
        }
    }

    [Fact]
    public async Task Phases_of_queries_are_counted_apart()
    {
        var family = new NoOpFamily();
        await using TestService service = await TestService.StartAsync(families: family);
        var counts = new Dictionary<string, double>();
        using MeterListener listener = Listen(service, counts);
        var options = new ClientOptions { Families = [family] };
        QueryUse use;
        await using (ClientSession session =
            await ClientSession.OpenAsync(await service.ConnectAsync(), _key, "tiny", options, default))
        {
            use = (await session.InferAsync(Image(1), null, default)).Use;
        }

        await service.SessionsEndedAsync();
        (string, PhaseUse)[] phases = [("prepare", use.Prepare!), ("online", use.Online)];
        foreach ((string name, PhaseUse phase) in phases)
        {
            Assert.True(counts[$"popcorn.query.duration popcorn.phase={name}"] > 0);
            Assert.InRange(phase.BytesUp - counts[$"popcorn.query.bytes.received popcorn.phase={name}"], 0, 16);
            Assert.Equal(phase.BytesDown, counts[$"popcorn.query.bytes.sent popcorn.phase={name}"]);
        }

        Assert.Equal(1, counts["popcorn.queries"]);
    }

    [Fact]
    public async Task The_public_list_tells_public_facts_only()
    {
        await using TestService service = await TestService.StartAsync();
        using HttpClient http = service.Host.GetTestClient();
        JsonElement models = JsonDocument.Parse(await http.GetStringAsync("/models")).RootElement;
        JsonElement model = Assert.Single(models.EnumerateArray().ToArray());
        Assert.Equal("tiny", model.GetProperty("name").GetString());
        Assert.Equal([1, 6, 6], model.GetProperty("input").EnumerateArray().Select(x => x.GetInt32()));
        Assert.Equal(3, model.GetProperty("outputs").GetInt32());
        Assert.Equal(
            ["conv", "relu", "dense"],
            model.GetProperty("layers").EnumerateArray().Select(layer => layer.GetProperty("kind").GetString()));
        Assert.DoesNotContain("weight", models.GetRawText(), StringComparison.OrdinalIgnoreCase);

        JsonElement health = JsonDocument.Parse(await http.GetStringAsync("/health")).RootElement;
        Assert.Equal("ok", health.GetProperty("status").GetString());
        Assert.Equal(1, health.GetProperty("models").GetInt32());
        using HttpResponseMessage plain = await http.GetAsync(new Uri("/popcorn", UriKind.Relative));
        Assert.Equal(HttpStatusCode.UpgradeRequired, plain.StatusCode);
    }

    [Fact]
    public async Task What_is_required_of_sessions_is_required_of_the_list_of_models()
    {
        const string Mark = "required";
        await using WebApplication host = TestService.Build();
        host.MapPopcorn("/inner/popcorn").WithMetadata(Mark);
        await host.StartAsync();
        Endpoint[] endpoints = [.. host.Services.GetRequiredService<EndpointDataSource>().Endpoints];
        Assert.Equal(2, endpoints.Length);
        Assert.All(endpoints, endpoint => Assert.Contains(Mark, endpoint.Metadata));
    }

    [Fact]
    public async Task Credentials_are_sent_and_those_who_have_none_are_told()
    {
        await using WebApplication host = TestService.Build(inProcess: false);
        host.Urls.Add("http://127.0.0.1:0");
        host.UseRouting();
        host.Use((context, next) =>
        {
            context.Response.StatusCode = (string?)context.Request.Headers.Authorization switch
            {
                "Bearer right" => StatusCodes.Status200OK,
                null => StatusCodes.Status401Unauthorized,
                _ => StatusCodes.Status403Forbidden,
            };
            return context.Response.StatusCode == StatusCodes.Status200OK ? next() : Task.CompletedTask;
        });
        host.MapPopcorn();
        await host.StartAsync();
        var url = new Uri(host.Urls.Single());
        using var handler = new CountingHandler();
        ConnectionOptions With(string token) => new()
        {
            Headers = new Dictionary<string, string> { ["Authorization"] = $"Bearer {token}" },
            Handler = handler,
        };
        foreach (Func<ConnectionOptions?, Task> ask in (Func<ConnectionOptions?, Task>[])
        [
            options => PopcornClient.ListModelsAsync(url, options),
            async options => await (await PopcornClient.ConnectAsync(url, options)).DisposeAsync(),
        ])
        {
            await ask(With("right"));
            PopcornException none = await Assert.ThrowsAsync<PopcornException>(() => ask(null));
            Assert.Contains("wants credentials", none.Message, StringComparison.Ordinal);
            PopcornException wrong = await Assert.ThrowsAsync<PopcornException>(() => ask(With("wrong")));
            Assert.Contains("does not allow", wrong.Message, StringComparison.Ordinal);
        }

        Assert.Equal(4, handler.Requests);

        using var files = new TestFiles();
        string[] infer = ["infer", "--server", url.ToString(), "--model", "tiny", "--image", files.Images(1)];
        await CommandRun.Json([.. infer, "--header", "authorization:Bearer right"]);
        await CommandRun.Fails(1, "does not allow", [.. infer, "--header", "Authorization: Bearer wrong"]);
        await CommandRun.Fails(1, "wants credentials", infer);
        foreach (string header in (string[])["Bearer right", ":x", "a b:c", "a:\u00e9", "a:b\nc:d"])
        {
            await CommandRun.Fails(1, "NAME:VALUE", [.. infer, "--header", header]);
        }
    }

    /// <summary>Requests that go through it.</summary>
    private sealed class CountingHandler() : DelegatingHandler(new SocketsHttpHandler())
    {
        public int Requests { get; private set; }

        protected override Task<HttpResponseMessage> SendAsync(
            HttpRequestMessage request, CancellationToken cancellationToken)
        {
            Requests++;
            return base.SendAsync(request, cancellationToken);
        }
    }

    [Fact]
    public async Task Models_come_and_go_while_a_host_runs_and_without_one_it_is_not_ready()
    {
        await using WebApplication host = TestService.Build();
        host.MapPopcorn();
        host.MapPopcornHealth();
        await host.StartAsync();
        using HttpClient http = host.GetTestClient();
        var models = host.Services.GetRequiredService<ServedModels>();
        using var other = new ServedModel("other", TestFiles.TinyNetwork(2));
        models.Add(other);
        IReadOnlyList<ModelDescription> listed = ServiceConnection.ReadModels(await http.GetByteArrayAsync("/models"));
        Assert.Equal(["other", "tiny"], listed.Select(model => model.Name));
        models.Remove("tiny");
        models.Remove("other");
        Assert.Empty(ServiceConnection.ReadModels(await http.GetByteArrayAsync("/models")));
        using HttpResponseMessage health = await http.GetAsync(new Uri("/health", UriKind.Relative));
        Assert.Equal(HttpStatusCode.ServiceUnavailable, health.StatusCode);
        Assert.Contains("no models", await health.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        Assert.Equal("live\n", await http.GetStringAsync("/health/live"));
    }

    [Fact]
    public async Task A_hosts_own_health_stays_and_a_service_may_be_mapped_twice()
    {
        await using WebApplication host = TestService.Build();
        host.MapPopcorn();
        host.MapPopcorn("/other");
        host.MapPopcorn("/inner/popcorn");
        host.MapGet("/health", () => "mine");
        host.MapPopcornHealth("/inner/health");
        await host.StartAsync();
        using HttpClient http = host.GetTestClient();
        Assert.Equal("mine", await http.GetStringAsync("/health"));
        Assert.Contains("\"ok\"", await http.GetStringAsync("/inner/health"), StringComparison.Ordinal);
        Assert.Equal("live\n", await http.GetStringAsync("/inner/health/live"));
        foreach (string folder in (string[])["/", "/inner/"])
        {
            Assert.Single(ServiceConnection.ReadModels(await http.GetByteArrayAsync(folder + "models")));
        }

        foreach (string sessions in (string[])["/popcorn", "/other", "/inner/popcorn"])
        {
            using HttpResponseMessage plain = await http.GetAsync(new Uri(sessions, UriKind.Relative));
            Assert.Equal(HttpStatusCode.UpgradeRequired, plain.StatusCode);
        }
    }

    [Fact]
    public async Task A_server_must_say_the_same_of_its_model_twice()
    {
        await using TestService service = await TestService.StartAsync();
        using HttpClient http = service.Host.GetTestClient();
        ModelDescription listed = Assert.Single(ServiceConnection.ReadModels(await http.GetByteArrayAsync("/models")));
        await OpenAsync(listed);

        LayerDescription[] layers = [.. listed.Layers];
        LayerDescription[] wider = [layers[0] with { BoundBits = layers[0].BoundBits + 1 }, .. layers[1..]];
        LayerDescription[] reshaped = [layers[0] with { Output = [2, 4, 5] }, .. layers[1..]];
        foreach (ModelDescription other in (ModelDescription[])
        [
            listed with { InputMaximum = 127 }, listed with { InputMinimum = -1 }, listed with { InputScale = 1 },
            listed with { Input = [6, 6, 1] }, listed with { InputOrder = ChannelOrder.Bgr },
            listed with { Outputs = 4 }, listed with { Layers = layers[1..] }, listed with { Layers = wider },
            listed with { Layers = reshaped }, listed with { Layers = [null!, .. layers[1..]] },
            listed with { Layers = null! },
        ])
        {
            PopcornException e = await Assert.ThrowsAsync<PopcornException>(() => OpenAsync(other));
            Assert.Contains("in another way than its list", e.Message, StringComparison.Ordinal);
        }

        await AssertServesAsync(service);

        async Task OpenAsync(ModelDescription description) => await (await ClientSession.OpenAsync(
            await service.ConnectAsync(), _key, "tiny",
            new ClientOptions { CheckNetwork = description.RequireSame }, default)).DisposeAsync();
    }

    [Theory]
    [InlineData("HTTP/1.1 200 OK\r\n\r\n[", "longer than")]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n[null]", "not a Popcorn service")]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Type: x; charset=none\r\nContent-Length: 4\r\n\r\n[{}]", "not a Popcorn")]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n[", "longer than")]
    [InlineData("HTTP/1.1 418 Teapot\r\n\r\n", "418")]
    [InlineData("SSH-2.0", "not a Popcorn service")]
    public async Task A_list_of_models_that_is_none_is_refused(string answer, string says)
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        Task serving = Task.Run(async () =>
        {
            using TcpClient client = await listener.AcceptTcpClientAsync();
            NetworkStream stream = client.GetStream();
            await stream.ReadExactlyAsync(new byte[10]);
            await stream.WriteAsync(Encoding.ASCII.GetBytes(answer));
            try
            {
                // Blanks without end, where the head leaves room for them.
                for (int i = 0; i < 1 << 14; i++)
                {
                    await stream.WriteAsync(Enumerable.Repeat((byte)' ', 1 << 12).ToArray());
                }
            }
            catch (IOException)
            {
                // The client has left.
            }
        });
        PopcornException e = await Assert.ThrowsAsync<PopcornException>(
            () => PopcornClient.ListModelsAsync(new Uri($"http://{listener.LocalEndpoint}")));
        Assert.Contains(says, e.Message, StringComparison.Ordinal);
        await serving;
    }

    [Fact]
    public async Task Queries_are_counted()
    {
        await using TestService service = await TestService.StartAsync();
        var counts = new Dictionary<string, double>();
        using MeterListener listener = Listen(service, counts);
        long up;
        await using (ClientSession session = await OpenAsync(service))
        {
            up = (await session.InferAsync(Image(1), null, default)).BytesUp;
        }

        await using (WebSocketMessageChannel channel = await service.ConnectAsync())
        {
            await channel.SendAsync(new byte[] { 255 }, default);
            await DrainAsync(channel);
        }

        await service.SessionsEndedAsync();
        Assert.Equal(1, counts["popcorn.queries"]);
        Assert.Equal(1, counts["popcorn.failures"]);
        Assert.Equal(0, counts["popcorn.sessions.active"]);
        Assert.True(counts["popcorn.query.duration"] > 0);
        Assert.True(counts["popcorn.bytes.received"] > up);
        Assert.True(counts["popcorn.bytes.sent"] > 0);
        Assert.DoesNotContain("popcorn.refusals", counts.Keys);

        // What is kept of the one session are its tables.
        listener.RecordObservableInstruments();
        Assert.Equal(1, counts["popcorn.tables"]);
        Assert.True(counts["popcorn.memory.reserved"] > 0);
        Assert.Equal(counts["popcorn.tables.memory"], counts["popcorn.memory.reserved"]);
        Assert.Equal(0, counts["popcorn.memory.waiting"] + counts["popcorn.turns"] + counts["popcorn.turns.waiting"]);
    }

    [Fact]
    public async Task An_unknown_model_is_refused_with_the_names_of_the_known()
    {
        await using TestService service = await TestService.StartAsync();
        PopcornException e = await Assert.ThrowsAsync<PopcornException>(() => OpenAsync(service, "huge"));
        Assert.Contains("'huge'", e.Message, StringComparison.Ordinal);
        Assert.Contains("tiny", e.Message, StringComparison.Ordinal);
        await AssertServesAsync(service);
    }

    [Fact]
    public async Task Keys_too_small_or_malformed_are_refused()
    {
        await using TestService service = await TestService.StartAsync(options => options.MinimumKeyBits = 3072);
        PopcornException e = await Assert.ThrowsAsync<PopcornException>(() => OpenAsync(service));
        Assert.Contains("3072", e.Message, StringComparison.Ordinal);

        using PaillierPrivateKey small = PaillierPrivateKey.Generate(512, new KeyOptions { AllowInsecureSize = true });
        await using WebSocketMessageChannel channel = await service.ConnectAsync();
        await channel.SendAsync(Messages.Hello(WireLimits.Version, "tiny", small.PublicKey.Export()), default);
        Assert.Contains("key", Messages.Failure(await channel.ReceiveAsync(default)), StringComparison.Ordinal);
        await using WebSocketMessageChannel another = await service.ConnectAsync();
        await another.SendAsync(Messages.Hello(WireLimits.Version, "tiny", [1, 2, 3]), default);
        Assert.Contains("key", Messages.Failure(await another.ReceiveAsync(default)), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Another_version_and_another_plan_are_refused()
    {
        await using TestService service = await TestService.StartAsync();
        await using WebSocketMessageChannel old = await service.ConnectAsync();
        await old.SendAsync(Messages.Hello(99, "tiny", _key.PublicKey.Export()), default);
        Assert.Contains("version 99", Messages.Failure(await old.ReceiveAsync(default)), StringComparison.Ordinal);

        await using WebSocketMessageChannel channel = await service.ConnectAsync();
        await channel.SendAsync(Messages.Hello(WireLimits.Version, "tiny", Opening), default);
        Assert.NotNull(await channel.ReceiveAsync(default));
        await channel.SendAsync(Messages.Accept(new byte[32]), default);
        Assert.Contains("plan", Messages.Failure(await channel.ReceiveAsync(default)), StringComparison.Ordinal);
        await AssertServesAsync(service);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(1000)]
    [InlineData(WireLimits.MaxMessageBytes)]
    public async Task Garbage_ends_its_own_session_only(int length)
    {
        await using TestService service = await TestService.StartAsync();
        await using WebSocketMessageChannel channel = await service.ConnectAsync();
        var garbage = new byte[length];
        new Random(length).NextBytes(garbage);
        garbage.AsSpan(0, Math.Min(1, length)).Fill(0xff);
        await channel.SendAsync(garbage, default);
        await DrainAsync(channel);
        await AssertServesAsync(service);
        await channel.DisposeAsync();
        await service.SessionsEndedAsync();
    }

    [Fact]
    public async Task Messages_that_are_too_long_or_text_are_refused()
    {
        await using TestService service = await TestService.StartAsync();
        using WebSocket flood = await service.ConnectSocketAsync();
        await flood.SendAsync(
            new byte[WireLimits.MaxMessageBytes + 1], WebSocketMessageType.Binary, endOfMessage: true, default);
        Assert.Contains("longer than", await FailureAsync(flood), StringComparison.Ordinal);

        using WebSocket text = await service.ConnectSocketAsync();
        await text.SendAsync("hello"u8.ToArray(), WebSocketMessageType.Text, endOfMessage: true, default);
        Assert.Contains("text", await FailureAsync(text), StringComparison.Ordinal);
        await AssertServesAsync(service);
    }

    [Fact]
    public async Task A_silent_client_is_sent_away()
    {
        await using TestService service = await TestService.StartAsync(
            options => options.HandshakeTimeout = TimeSpan.FromSeconds(0.3));
        using WebSocket silent = await service.ConnectSocketAsync();
        Assert.Contains("introduce itself", await FailureAsync(silent), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_client_that_vanishes_costs_its_session_only()
    {
        await using TestService service = await TestService.StartAsync();
        WebSocket socket = await service.ConnectSocketAsync();
        await socket.SendAsync(
            Messages.Hello(WireLimits.Version, "tiny", Opening),
            WebSocketMessageType.Binary,
            endOfMessage: true,
            default);
        socket.Abort();
        await service.SessionsEndedAsync();
        await AssertServesAsync(service);
    }

    [Fact]
    public async Task No_more_connections_than_allowed()
    {
        await using TestService service = await TestService.StartAsync(options => options.MaxConnections = 1);
        using (WebSocket first = await service.ConnectSocketAsync())
        {
            InvalidOperationException e =
                await Assert.ThrowsAsync<InvalidOperationException>(() => service.ConnectSocketAsync());
            Assert.Contains("503", e.Message, StringComparison.Ordinal);
            first.Abort();
        }

        await service.SessionsEndedAsync();
        await AssertServesAsync(service);
    }

    [Fact]
    public async Task No_more_connections_than_an_address_may_have()
    {
        await using TestService service = await TestService.StartAsync(options => options.MaxConnectionsPerAddress = 1);
        var counts = new Dictionary<string, double>();
        using MeterListener listener = Listen(service, counts);
        using (WebSocket first = await service.ConnectSocketAsync("192.0.2.1"))
        {
            InvalidOperationException e = await Assert.ThrowsAsync<InvalidOperationException>(
                () => service.ConnectSocketAsync("192.0.2.1"));
            Assert.Contains("429", e.Message, StringComparison.Ordinal);

            // Others may; and of IPv6 a network is one address.
            using WebSocket other = await service.ConnectSocketAsync("192.0.2.2");
            using WebSocket network = await service.ConnectSocketAsync("2001:db8:0:1::1");
            await Assert.ThrowsAsync<InvalidOperationException>(() => service.ConnectSocketAsync("2001:db8:0:1::2"));
            using WebSocket next = await service.ConnectSocketAsync("2001:db8:0:2::1");
            Array.ForEach([first, other, network, next], socket => socket.Abort());
        }

        await service.SessionsEndedAsync();
        (await service.ConnectSocketAsync("192.0.2.1")).Abort();
        Assert.Equal(2, counts["popcorn.refusals"]);
    }

    [Fact]
    public async Task A_server_without_memory_says_so()
    {
        using PaillierPrivateKey key = PaillierPrivateKey.Generate();

        // An address gets half of it. First that is enough for the messages of one connection.
        long ofConnection = WebSocketMessageChannel.MemoryOf(WireLimits.MaxMessageBytes);
        await using TestService small = await StartWith(2 * ofConnection);
        using WebSocket first = await small.ConnectSocketAsync();
        InvalidOperationException e =
            await Assert.ThrowsAsync<InvalidOperationException>(() => small.ConnectSocketAsync());
        Assert.Contains("503", e.Message, StringComparison.Ordinal);
        first.Abort();

        // Then for tables, but not for a connection's messages beside them.
        Plan plan = BlindedPlan.Create(PublicNetwork.From(TestFiles.TinyNetwork()), key.PublicKey.Bits);
        int window = TableSize.ForServer(plan, key.PublicKey.Bits);
        long ofTables = TableSize.BytesOfServer(window, key.PublicKey.Bits);
        Assert.InRange(ofTables, ofConnection, 20 * ofConnection);
        await using TestService larger = await StartWith(2 * ofTables);
        PopcornException busy = await Assert.ThrowsAsync<PopcornException>(() => OpenAsync(larger, key: key));
        Assert.Contains("busy", busy.Message, StringComparison.Ordinal);

        static Task<TestService> StartWith(long bytes) => TestService.StartAsync(options =>
        {
            options.MemoryBytes = bytes;
            options.QueueTimeout = TimeSpan.FromSeconds(0.1);
        });
    }

    [Fact]
    public async Task A_server_that_stops_says_so()
    {
        await using TestService service = await TestService.StartAsync(
            options => options.ShutdownGrace = TimeSpan.FromSeconds(0.1));
        await using WebSocketMessageChannel channel = await service.ConnectAsync();
        Task stop = service.Host.StopAsync();
        Assert.Contains(
            "shutting down", Messages.Failure(await channel.ReceiveAsync(default)), StringComparison.Ordinal);
        await Assert.ThrowsAsync<PopcornException>(async () => await channel.ReceiveAsync(default));
        await stop;
    }

    [Fact]
    public async Task Models_of_one_name_are_refused_at_start()
    {
        PopcornException e = await Assert.ThrowsAsync<PopcornException>(
            () => TestService.StartAsync(options => options.Models.Add(options.Models[0])));
        Assert.Contains("'tiny'", e.Message, StringComparison.Ordinal);
    }

    /// <summary>Adds up what a service's instruments tell.</summary>
    private static MeterListener Listen(TestService service, Dictionary<string, double> counts)
    {
        var listener = new MeterListener
        {
            InstrumentPublished = (instrument, listener) =>
            {
                if (instrument.Meter.Name == PopcornMetrics.MeterName
                    && instrument.Meter.Scope == service.Host.Services.GetRequiredService<IMeterFactory>())
                {
                    listener.EnableMeasurementEvents(instrument);
                }
            },
        };
        listener.SetMeasurementEventCallback<int>((instrument, value, _, _) => Count(instrument.Name, value));
        listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) => CountAll(instrument, value, tags));
        listener.SetMeasurementEventCallback<double>((instrument, value, tags, _) => CountAll(instrument, value, tags));
        listener.Start();
        return listener;

        void CountAll(Instrument instrument, double value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
        {
            Count(instrument.Name, value);
            foreach ((string key, object? tag) in tags)
            {
                Count($"{instrument.Name} {key}={tag}", value);
            }
        }

        void Count(string name, double value)
        {
            lock (counts)
            {
                counts[name] = counts.GetValueOrDefault(name) + value;
            }
        }
    }

    private static int[] Image(int seed)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, 36).Select(_ => random.Next(256))];
    }

    private async Task<ClientSession> OpenAsync(
        TestService service, string model = "tiny", PaillierPrivateKey? key = null) =>
        await ClientSession.OpenAsync(await service.ConnectAsync(), key ?? _key, model, new ClientOptions(), default);

    private async Task AssertServesAsync(TestService service)
    {
        await using ClientSession session = await OpenAsync(service);
        int[] image = Image(7);
        BigInteger[] expected = new PlainEvaluator(TestFiles.TinyNetwork()).Run(image);
        Assert.Equal(expected, (await session.InferAsync(image, null, default)).Logits);
    }

    /// <summary>Reads to the end; the server must end it.</summary>
    private static async Task DrainAsync(WebSocketMessageChannel channel)
    {
        using var patience = new CancellationTokenSource(Eventually.Patience);
        while (await channel.ReceiveAsync(patience.Token) is not null)
        {
        }
    }

    private static async Task<string> FailureAsync(WebSocket socket)
    {
        var buffer = new byte[1 << 16];
        using var patience = new CancellationTokenSource(Eventually.Patience);
        WebSocketReceiveResult frame = await socket.ReceiveAsync(buffer, patience.Token);
        return Messages.Failure(buffer[..frame.Count]);
    }

    /// <summary>A few frames, written and read by hand, byte for byte as the wire has them.</summary>
    private static class Messages
    {
        public static byte[] Hello(uint version, string model, byte[] key) =>
            Proto.Bytes(
                1,
                [
                    .. Proto.Number(1, version), .. Proto.Text(2, model),
                    .. Proto.Bytes(3, [.. Proto.Text(1, "blinded"), .. Proto.Bytes(2, key)]),
                ]);

        public static byte[] Accept(byte[] hash) => Proto.Bytes(3, Proto.Bytes(1, hash));

        public static string Failure(byte[]? frame)
        {
            Assert.NotNull(frame);
            Assert.Equal(Proto.Tag(6), frame[0]);
            int at = 1;
            Proto.ReadNumber(frame, ref at);
            Assert.Equal(Proto.Tag(1), frame[at++]);
            int length = Proto.ReadNumber(frame, ref at);
            return Encoding.UTF8.GetString(frame, at, length);
        }
    }
}
