using Popcorn.Cli.Commands;
using Popcorn.Cli.Terminal;
using Popcorn.Engine;
using Popcorn.Engine.Model;
using Popcorn.Engine.Sessions;
using Popcorn.Hosting;
using Popcorn.Interop;
using Spectre.Console;

namespace Popcorn.Cli;

/// <summary>Oblivious inferences by one model of one service, over one connection.</summary>
internal sealed class Inference(Uri server, string model)
{
    /// <summary>What the model takes, as the service's public list says; nothing secret is needed to ask.</summary>
    /// <exception cref="PopcornException">No service there, or it has no such model.</exception>
    public async Task<InputDescription> DescribeInputAsync(CancellationToken cancellationToken)
    {
        IReadOnlyList<ModelDescription> models =
            await PopcornClient.ListModelsAsync(server, cancellationToken).ConfigureAwait(false);
        ModelDescription description = models.FirstOrDefault(candidate => candidate.Name == model)
            ?? throw new PopcornException(
                $"The server has no model '{model}'; it has {string.Join(", ", models.Select(m => m.Name))}.");
        return description.Input is [int channels, int height, int width]
            ? new InputDescription(
                new Shape(channels, height, width),
                description.InputMinimum,
                description.InputMaximum,
                description.InputScale,
                description.InputOrder)
            : throw new PopcornException($"The server describes the input of '{model}' in a way not understood.");
    }

    /// <summary>Classifies the images, some in each query, one query after the other.</summary>
    /// <param name="key">The client's key.</param>
    /// <param name="keySeconds">What making it took, where it is fresh; only reported.</param>
    /// <param name="images">The images.</param>
    /// <param name="batch">Images of a query, at most.</param>
    /// <param name="options">Threads and randomness.</param>
    /// <param name="done">Told of each result as it comes.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public async Task<InferReport> RunAsync(
        PaillierPrivateKey key,
        double? keySeconds,
        IReadOnlyList<ImageInput> images,
        int batch,
        ClientOptions options,
        Action<ImagePrediction> done,
        CancellationToken cancellationToken)
    {
        WebSocketMessageChannel channel =
            await PopcornClient.ConnectAsync(server, cancellationToken).ConfigureAwait(false);
        ClientSession session;
        using (new ProgressLine("agreeing on a plan, building encryption tables"))
        {
            session = await ClientSession.OpenAsync(channel, key, model, options, cancellationToken)
                .ConfigureAwait(false);
        }

        await using (session.ConfigureAwait(false))
        {
            var results = new List<ImagePrediction>(images.Count);
            foreach (ImageInput[] query in images.Chunk(batch))
            {
                IReadOnlyList<InferenceResult> answers;
                string first = $"{(query.Length == 1 ? "image" : "images from")} {results.Count + 1}";
                using (var progress = new ProgressLine($"{first} of {images.Count}"))
                {
                    answers = await session.InferAsync(
                        [.. query.Select(image => (ReadOnlyMemory<int>)image.Values)], progress, cancellationToken)
                        .ConfigureAwait(false);
                }

                foreach ((ImageInput image, InferenceResult result) in query.Zip(answers))
                {
                    var prediction = new ImagePrediction(
                        image.Name,
                        result.Label,
                        image.Expected,
                        [.. result.Logits.Select(logit => logit.ToString())],
                        result.Seconds,
                        result.BytesUp,
                        result.BytesDown,
                        result.Rounds,
                        result.Images);
                    results.Add(prediction);
                    done(prediction);
                }
            }

            return new InferReport(results, model, key.PublicKey.Bits, keySeconds, session.TableSeconds);
        }
    }

    /// <summary>The results as a table for people, or as JSON.</summary>
    public static void Show(InferReport report, Output output)
    {
        if (output.IsJson)
        {
            Output.WriteJson(report, ReportJson.Default.InferReport);
            return;
        }

        Table table = Tables.Create(
            "image", ">label", ">expected", ">seconds", ">up", ">down", ">rounds", "logits");
        foreach (ImagePrediction result in report.Results)
        {
            table.AddCells(
                result.Image,
                result.Label.ToString(),
                result.Expected?.ToString() ?? "",
                result.Seconds.ToString("0.00"),
                Units.Bytes(result.BytesUp),
                Units.Bytes(result.BytesDown),
                result.Rounds.ToString(),
                Abbreviate(result.Logits));
        }

        output.Screen.Write(table);
        output.Line(Summary(report));
    }

    /// <summary>Hits, and what was paid once for all images.</summary>
    public static string Summary(InferReport report)
    {
        int labelled = report.Results.Count(result => result.Expected is not null);
        int right = report.Results.Count(result => result.Label == result.Expected);
        string hits = labelled == 0 ? "" : $"{right} of {labelled} as expected; ";
        string key = report.KeySeconds is double seconds ? $"key made in {Units.Seconds(seconds)}, " : "";
        return $"{hits}{report.KeyBits}-bit key; {key}encryption tables in {Units.Seconds(report.TableSeconds)}";
    }

    private static string Abbreviate(IReadOnlyList<string> logits)
    {
        const int Shown = 10;
        return string.Join(' ', logits.Take(Shown)) + (logits.Count > Shown ? " …" : "");
    }
}
