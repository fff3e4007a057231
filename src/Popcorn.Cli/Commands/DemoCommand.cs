using System.CommandLine;
using Popcorn.Cli.Data;
using Popcorn.Cli.Service;
using Popcorn.Cli.Terminal;
using Popcorn.Engine.Sessions;
using Popcorn.Hosting;
using Popcorn.Interop;

namespace Popcorn.Cli.Commands;

/// <summary><c>popcorn demo</c>: both parties on this machine, as two processes, on real digits.</summary>
internal static class DemoCommand
{
    private const string Model = "mnist-small";
    private const string ModelFile = Model + ".popcorn";
    private const string Images = "mnist-100-images.idx3-ubyte";
    private const string Labels = "mnist-100-labels.idx1-ubyte";
    private const int ImageCount = 100;
    private const int ImageSide = 28;

    public static Command Create()
    {
        Option<int> count = new Option<int>("--count")
        {
            Description = $"Number of images, up to {ImageCount}.",
            HelpName = "N",
            DefaultValueFactory = _ => 10,
        }.InRange(1, ImageCount);
        var digit = new Option<bool>("--digit")
        {
            Description = "Draw each digit as it is recognised, also where the output is no terminal.",
        };
        var families = new FamilyOptions("Family of protocols; by default the server takes the cheaper one.");
        Option<string?> order = KeyOrderOption.Create("The client's key");
        var command = new Command("demo", "Watch a server recognise digits that it cannot see.")
        {
            count, digit, order,
        };
        families.AddTo(command);
        command.SetWork(async (parsed, output, cancellationToken) =>
        {
            using var samples = new ScratchFolder("popcorn-demo-");
            foreach (string sample in new[] { ModelFile, Images, Labels })
            {
                using Stream resource = Open(sample);
                samples.Write(sample, resource);
            }

            KeyOrder keyOrder = parsed.OrderIn(order);
            string[] serverOptions =
            [
                .. families.NameIn(parsed) is string name ? (string[])["--family", name] : [],
                .. keyOrder == KeyOrder.Short ? (string[])[ServeCommand.AcceptShortOrder] : [],
            ];
            bool draws = parsed.GetValue(digit) || !(output.IsJson || Console.IsOutputRedirected);
            await RunAsync(samples, parsed.GetValue(count), draws, keyOrder, serverOptions, output, cancellationToken)
                .ConfigureAwait(false);
        });
        return command;
    }

    private static async Task RunAsync(
        ScratchFolder samples, int count, bool draws, KeyOrder keyOrder, string[] serverOptions, Output output,
        CancellationToken cancellationToken)
    {
        ServerProcess server = await ServerProcess.StartAsync(
            samples[ModelFile], serverOptions, cancellationToken).ConfigureAwait(false);
        await using (server.ConfigureAwait(false))
        {
            var client = new Inference(server.Url, Model);
            List<NamedImage> named = ImageInputs.Read(
                [samples[Images]], [$"0-{count - 1}"], labels: null);
            ModelDescription description = await client.DescribeAsync(cancellationToken).ConfigureAwait(false);
            List<ImageInput> images = ImageInputs.Fit(named, description.InputDescription);
            output.Line(
                $"server: process {server.Id} at {server.Url.GetLeftPart(UriPartial.Authority)} "
                + $"has the model '{Model}' and never sees an image");
            output.Line($"client: process {Environment.ProcessId} has the images and the private key");

            using ClientKey key = ClientKey.Generate(KeygenCommand.DefaultBits, keyOrder);
            int shown = 0;
            await client.RunAsync(
                description, key, images, new ClientOptions(), result => Show(images[shown++], result, draws, output),
                report => Show(report, output), cancellationToken).ConfigureAwait(false);
        }
    }

    private static void Show(InferReport report, Output output)
    {
        if (output.IsJson)
        {
            Output.WriteJson(report, ReportJson.Default.InferReport);
        }

        output.Line($"{report.Summary()}; {Averages(report)}");
    }

    private static void Show(ImageInput image, ImagePrediction result, bool draws, Output output)
    {
        string verdict = result.Label == result.Expected ? "as expected" : $"expected {result.Expected}";
        string cost =
            $"{Units.Seconds(result.Seconds)}, {Units.Bytes(result.BytesUp)} up, {Units.Bytes(result.BytesDown)} down";
        string phases = result.PhasesInWords();
        if (!draws)
        {
            string apart = phases.Length > 0 ? $" ({phases})" : "";
            output.Line($"{result.Image}: predicted {result.Label}, {verdict}; {cost}{apart}");
            return;
        }

        string[] beside =
        [
            $"predicted {result.Label}, {verdict}", cost, .. phases.Split("; ", StringSplitOptions.RemoveEmptyEntries),
            $"{result.Rounds} rounds",
        ];
        string[] picture = Picture.Draw(image.Values, ImageSide, ImageSide, Output.IsUnicode);
        for (int i = 0; i < picture.Length; i++)
        {
            int line = i - (picture.Length - beside.Length) / 2;
            output.Line($"  {picture[i]}  {(line >= 0 && line < beside.Length ? beside[line] : "")}");
        }
    }

    private static string Averages(InferReport report)
    {
        double seconds = report.Results.Average(result => result.Seconds);
        double bytes = report.Results.Average(result => (double)(result.BytesUp + result.BytesDown));
        return $"{Units.Seconds(seconds)} and {Units.Bytes(bytes)} an image";
    }

    private static Stream Open(string resource) =>
        typeof(DemoCommand).Assembly.GetManifestResourceStream(resource)
            ?? throw new InvalidOperationException($"The resource {resource} is missing from this build.");
}
