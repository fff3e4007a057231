using System.CommandLine;
using Popcorn.Cli.Data;
using Popcorn.Cli.Service;
using Popcorn.Cli.Terminal;
using Popcorn.Engine;
using Popcorn.Engine.Sessions;
using Popcorn.Hosting;

namespace Popcorn.Cli.Commands;

/// <summary><c>popcorn infer</c>: predictions by a server that never sees the images.</summary>
internal static class InferCommand
{
    public static Command Create()
    {
        var server = new Option<string>("--server")
        {
            Description = "The service.",
            HelpName = "http://HOST:PORT",
            Required = true,
        };
        var model = new Option<string>("--model")
        {
            Description = "Name of one of its models.",
            HelpName = "NAME",
            Required = true,
        };
        var headers = new Option<string[]>("--header")
        {
            Description = "A header of every request, such as \"Authorization: Bearer TOKEN\"; may be repeated.",
            HelpName = "NAME:VALUE",
        };
        var images = new Option<string[]>("--image")
        {
            Description = "PNG, JPEG or BMP (turned to gray or RGB as the model takes), IDX, CIFAR-10 .bin or .npy.",
            HelpName = "FILE",
            Required = true,
            AllowMultipleArgumentsPerToken = true,
        };
        var indices = new Option<string[]>("--index")
        {
            Description = "Which images of a file that holds several: numbers, ranges such as 0-9.",
            HelpName = "I",
            AllowMultipleArgumentsPerToken = true,
        };
        var labels = new Option<string?>("--labels")
        {
            Description = "The images' classes, to compare with; by default the label file beside the images.",
            HelpName = "FILE",
        };
        var keys = new Option<string?>("--key")
        {
            Description = "Directory made by popcorn keygen. Without it a fresh key is made.",
            HelpName = "DIR",
        };
        Option<int> bits = KeygenCommand.BitsOption();
        bits.Description = $"Size of a fresh key. {bits.Description}";
        Option<string?> order = KeyOrderOption.Create("A fresh key");
        Option<bool> shortExponent = KeygenCommand.ShortExponentOption();
        Option<int> imagesPerQuery = ImagesPerQueryOption();
        Option<int> prepare = new Option<int>("--prepare")
        {
            Description = "Queries to prepare before the first image, as far as the server keeps them; the rest of "
                + "them follow when these are used up.",
            HelpName = "N",
            DefaultValueFactory = _ => 0,
        }.InRange(0, 1 << 20);
        var families = new FamilyOptions(
            "The only family of protocols to offer to the server; by default the server chooses.");
        var defaults = new ClientLimits();
        Option<double> traffic = new Option<double>("--max-traffic")
        {
            Description = "Refuse a model that takes more GiB of messages for an image.",
            HelpName = "GIB",
            DefaultValueFactory = _ => defaults.MaxTraffic >> 30,
        }.InRange(0, 1 << 20);
        Option<int> rounds = new Option<int>("--max-rounds")
        {
            Description = "Refuse a model that takes more round trips for an image.",
            HelpName = "N",
            DefaultValueFactory = _ => defaults.MaxRounds,
        }.InRange(0, int.MaxValue);
        Option<int> memory = new Option<int>("--max-memory")
        {
            Description = "Refuse a model that takes more MiB of this machine's memory for an image.",
            HelpName = "MIB",
            DefaultValueFactory = _ => (int)(defaults.MaxMemory >> 20),
        }.InRange(0, int.MaxValue);
        var command = new Command("infer", "Classify images obliviously: the server never sees them.")
        {
            server, model, headers, images, indices, labels, keys, bits, order, shortExponent, imagesPerQuery,
            prepare, traffic, rounds, memory,
        };
        families.AddTo(command);
        command.Validators.Add(result =>
        {
            if (result.GetResult(keys) is not null
                && ((Option[])[bits, order]).FirstOrDefault(option => result.GetResult(option) is { Implicit: false })
                    is Option idle)
            {
                result.AddError($"{idle.Name} is for a fresh key, and --key names one that is there.");
            }
        });
        command.SetWork(async (parsed, output, cancellationToken) =>
        {
            if (!Uri.TryCreate(parsed.GetRequiredValue(server), UriKind.Absolute, out Uri? url))
            {
                throw new PopcornException(
                    $"--server {parsed.GetRequiredValue(server)} is not a URL; write http://host:port.");
            }

            var client = new Inference(url, parsed.GetRequiredValue(model))
            {
                ImagesPerQuery = parsed.GetValue(imagesPerQuery),
                Prepare = parsed.GetValue(prepare),
                Connection = new ConnectionOptions { Headers = HeadersOf(parsed.GetValue(headers) ?? []) },
            };
            // First what needs no server: it must not learn from what follows, or when, what the files hold.
            List<NamedImage> named = ImageInputs.Read(
                parsed.GetRequiredValue(images), parsed.GetValue(indices) ?? [], parsed.GetValue(labels));
            using ClientKey? kept =
                parsed.GetValue(keys) is string directory ? new KeyDirectory(directory).Load() : null;
            ModelDescription description = await client.DescribeAsync(cancellationToken).ConfigureAwait(false);
            List<ImageInput> inputs = ImageInputs.Fit(named, description.InputDescription);
            using ClientKey? fresh =
                kept is null ? ClientKey.Generate(parsed.GetValue(bits), parsed.OrderIn(order)) : null;
            var options = new ClientOptions
            {
                Profile = KeygenCommand.ProfileOf(parsed.GetValue(shortExponent)),
                Families = families.OfferIn(parsed).Families,
                Limits = new ClientLimits
                {
                    MaxTraffic = (long)(parsed.GetValue(traffic) * (1L << 30)),
                    MaxRounds = parsed.GetValue(rounds),
                    MaxMemory = parsed.GetValue(memory) * (1L << 20),
                },
            };
            await client.RunAsync(
                description, (kept ?? fresh)!, inputs, options, done: null, report => Show(report, output),
                cancellationToken).ConfigureAwait(false);
        });
        return command;
    }

    /// <summary>How many images a query holds.</summary>
    public static Option<int> ImagesPerQueryOption() => new Option<int>("--batch")
    {
        Description =
            "Images in one query, at most: they share its round trips. 'seconds' are then those of the query.",
        HelpName = "N",
        DefaultValueFactory = _ => 1,
    }.InRange(1, 1000);

    private static Dictionary<string, string> HeadersOf(string[] headers)
    {
        const string Separators = "()<>@,;:\\\"/[]?={} ";
        var named = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        foreach (string header in headers)
        {
            int colon = header.IndexOf(':', StringComparison.Ordinal);
            string name = header[..Math.Max(colon, 0)].Trim(), value = header[(colon + 1)..].Trim();
            if (name.Length == 0 || header.Any(char.IsControl) || !header.All(char.IsAscii)
                || name.AsSpan().ContainsAny(Separators))
            {
                // Not the header itself, which may be a secret.
                throw new PopcornException(
                    "--header is not NAME:VALUE; write --header \"Authorization: Bearer TOKEN\".");
            }

            named[name] = value;
        }

        return named;
    }

    private static void Show(InferReport report, Output output)
    {
        if (output.IsJson)
        {
            Output.WriteJson(report, ReportJson.Default.InferReport);
            return;
        }

        const int ShownName = 24;
        var table = new Table(
            "image", ">label", ">expected", ">seconds", ">up", ">down", "?>rounds", "?logits");
        foreach (ImagePrediction result in report.Results)
        {
            table.Add(
                result.Image,
                result.Name is null ? result.Label.ToString() : $"{result.Label} {OneLine.Of(result.Name, ShownName)}",
                result.Expected?.ToString() ?? "",
                result.Seconds.ToString("0.00"),
                Units.Bytes(result.BytesUp),
                Units.Bytes(result.BytesDown),
                result.Rounds.ToString(),
                Abbreviate(result.Logits));
        }

        output.Table(table);
        foreach (ImagePrediction result in report.Results.Where(result => result.Clamped > 0))
        {
            output.Line(
                $"{result.Image}: {Units.Count(result.Clamped)} values outside the model's range entered as the "
                + "nearest end of it");
        }

        foreach (ImagePrediction result in report.Results.Where(result => result.Use.Prepare is not null))
        {
            output.Line($"{result.Image}: {result.PhasesInWords()}");
        }

        output.Line(report.Summary());
    }

    private static string Abbreviate(IReadOnlyList<string> logits)
    {
        const int Shown = 10;
        return string.Join(' ', logits.Take(Shown)) + (logits.Count > Shown ? " …" : "");
    }
}
