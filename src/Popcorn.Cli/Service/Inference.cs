using Popcorn.Cli.Data;
using Popcorn.Cli.Terminal;
using Popcorn.Engine;
using Popcorn.Engine.Model;
using Popcorn.Engine.Sessions;
using Popcorn.Hosting;

namespace Popcorn.Cli.Service;

/// <summary>What <c>popcorn infer</c> and <c>popcorn demo</c> found.</summary>
internal sealed record InferReport(
    IReadOnlyList<ImagePrediction> Results, string Model, int KeyBits, double? KeySeconds, double TableSeconds)
{
    /// <summary>Hits, and what was paid once for all images.</summary>
    public string Summary()
    {
        int labelled = Results.Count(result => result.Expected is not null);
        int right = Results.Count(result => result.Label == result.Expected);
        string hits = labelled == 0 ? "" : $"{right} of {labelled} as expected; ";
        string key = KeySeconds is double seconds ? $"key made in {Units.Seconds(seconds)}, " : "";
        return $"{hits}{KeyBits}-bit key; {key}encryption tables in {Units.Seconds(TableSeconds)}";
    }
}

/// <summary>One image's result. Keys of JSON: add, never rename.</summary>
internal sealed record ImagePrediction
{
    public required string Image { get; init; }

    public required int Label { get; init; }

    public int? Expected { get; init; }

    public required IReadOnlyList<string> Logits { get; init; }

    public required double Seconds { get; init; }

    public required long BytesUp { get; init; }

    public required long BytesDown { get; init; }

    public required int Rounds { get; init; }

    public required int Images { get; init; }
}

/// <summary>Oblivious inferences by one model of one service, over one connection.</summary>
internal sealed class Inference(Uri server, string model)
{
    /// <summary>Images of a query, at most.</summary>
    public int ImagesPerQuery { get; init; } = 1;

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
    /// <param name="images">The images.</param>
    /// <param name="options">Threads and randomness.</param>
    /// <param name="done">Told of each result as it comes.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public async Task<InferReport> RunAsync(
        ClientKey key,
        IReadOnlyList<ImageInput> images,
        ClientOptions options,
        Action<ImagePrediction> done,
        CancellationToken cancellationToken)
    {
        WebSocketMessageChannel channel =
            await PopcornClient.ConnectAsync(server, cancellationToken).ConfigureAwait(false);
        ClientSession session;
        using (new ProgressLine("agreeing on a plan, building encryption tables"))
        {
            session = await ClientSession.OpenAsync(channel, key.Key, model, options, cancellationToken)
                .ConfigureAwait(false);
        }

        await using (session.ConfigureAwait(false))
        {
            var results = new List<ImagePrediction>(images.Count);
            foreach (ImageInput[] query in images.Chunk(ImagesPerQuery))
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
                    var prediction = new ImagePrediction
                    {
                        Image = image.Name,
                        Label = result.Label,
                        Expected = image.Expected,
                        Logits = [.. result.Logits.Select(logit => logit.ToString())],
                        Seconds = result.Seconds,
                        BytesUp = result.BytesUp,
                        BytesDown = result.BytesDown,
                        Rounds = result.Rounds,
                        Images = result.Images,
                    };
                    results.Add(prediction);
                    done(prediction);
                }
            }

            return new InferReport(results, model, key.Key.PublicKey.Bits, key.Seconds, session.TableSeconds);
        }
    }
}
