using System.Collections.Concurrent;
using System.Text.Json.Serialization;
using Popcorn.Cli.Data;
using Popcorn.Cli.Measurement;
using Popcorn.Cli.Terminal;
using Popcorn.Engine;
using Popcorn.Engine.Sessions;
using Popcorn.Hosting;

namespace Popcorn.Cli.Service;

/// <summary>What <c>popcorn infer</c> and <c>popcorn demo</c> found.</summary>
internal sealed record InferReport(
    IReadOnlyList<ImagePrediction> Results, string Model, int KeyBits, double? KeySeconds, double TableSeconds)
{
    /// <summary>The family of protocols.</summary>
    public required string Family { get; init; }

    /// <summary>The kind of key.</summary>
    public required string KeyOrder { get; init; }

    /// <summary>From the first message until the server was ready; absent where queries work online only.</summary>
    public double? SetupSeconds { get; init; }

    /// <summary>Bytes of messages in both directions until then.</summary>
    public long? SetupBytes { get; init; }

    /// <summary>How many images there were to classify.</summary>
    [JsonIgnore]
    public int Images { get; init; }

    /// <summary>True where an error or the user ended it before all images had a result; absent otherwise.</summary>
    public bool? Incomplete => Results.Count < Images ? true : null;

    /// <summary>Hits, and what was paid once for all images.</summary>
    public string Summary()
    {
        string part = Incomplete is true ? $"incomplete, {Results.Count} of {Images} images; " : "";
        int labelled = Results.Count(result => result.Expected is not null);
        int right = Results.Count(result => result.Label == result.Expected);
        string hits = labelled == 0 ? "" : $"{right} of {labelled} as expected; ";
        string key = KeySeconds is double seconds ? $"key made in {Units.Seconds(seconds)}, " : "";
        string setUp = SetupSeconds is double took
            ? $"connection set up in {Units.Seconds(took)} with {Units.Bytes(SetupBytes ?? 0)}"
            : $"encryption tables in {Units.Seconds(TableSeconds)}";
        return $"{part}{hits}{KeyBits}-bit key of {KeyOrder} order; {key}{setUp}";
    }
}

/// <summary>One image's result. Keys of JSON: add, never rename.</summary>
internal sealed record ImagePrediction : PhaseFigures
{
    public required string Image { get; init; }

    public required int Label { get; init; }

    /// <summary>The label's name, where the model has names.</summary>
    public string? Name { get; init; }

    public int? Expected { get; init; }

    public required IReadOnlyList<string> Logits { get; init; }

    public required double Seconds { get; init; }

    public required long BytesUp { get; init; }

    public required long BytesDown { get; init; }

    public required int Rounds { get; init; }

    public required int Images { get; init; }

    /// <summary>Values outside the model's range, which entered as the nearest end of it.</summary>
    public required int Clamped { get; init; }
}

/// <summary>Oblivious inferences by one model of one service, over one connection.</summary>
internal sealed class Inference(Uri server, string model)
{
    /// <summary>Images of a query, at most.</summary>
    public int ImagesPerQuery { get; init; } = 1;

    /// <summary>Queries to prepare before they are asked, in lots of what the server keeps; further ones are prepared
    /// as they are asked.</summary>
    public int Prepare { get; init; }

    /// <summary>How the service is reached.</summary>
    public ConnectionOptions Connection { get; init; } = new();

    /// <summary>The model as the service's public list has it; nothing secret is needed to ask.</summary>
    /// <exception cref="PopcornException">No service there, or it has no such model.</exception>
    public async Task<ModelDescription> DescribeAsync(CancellationToken cancellationToken)
    {
        const int NamesShown = 20, LongestName = 64;
        IReadOnlyList<ModelDescription> models =
            await PopcornClient.ListModelsAsync(server, Connection, cancellationToken).ConfigureAwait(false);
        string names = models.Count == 0
            ? "none for you"
            : string.Join(", ", models.Take(NamesShown).Select(m => OneLine.Of(m.Name, LongestName)));
        return models.FirstOrDefault(candidate => candidate.Name == model)
            ?? throw new PopcornException(
                $"The server has no model '{model}'; it has {names}"
                + (models.Count > NamesShown ? ", …" : "."));
    }

    /// <summary>Classifies the images, some in each query, one query after the other.</summary>
    /// <param name="description">The model as it was listed: a server that says otherwise now is refused.</param>
    /// <param name="key">The client's key.</param>
    /// <param name="images">The images.</param>
    /// <param name="options">Threads, randomness, limits.</param>
    /// <param name="done">Told of each result as it comes; null: results take shape when all queries are done, so that
    /// none of it stands between two queries.</param>
    /// <param name="report">Takes all results, or those that had come when an error or the caller ended it.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public async Task RunAsync(
        ModelDescription description,
        ClientKey key,
        IReadOnlyList<ImageInput> images,
        ClientOptions options,
        Action<ImagePrediction>? done,
        Action<InferReport> report,
        CancellationToken cancellationToken)
    {
        WebSocketMessageChannel channel =
            await PopcornClient.ConnectAsync(server, Connection, cancellationToken).ConfigureAwait(false);
        ClientSession session;
        using (new ProgressLine("agreeing on a plan, building encryption tables"))
        {
            session = await ClientSession.OpenAsync(
                channel, key.Key, model, options with { CheckNetwork = description.RequireSame }, cancellationToken)
                .ConfigureAwait(false);
        }

        await using (session.ConfigureAwait(false))
        {
            var results = new ConcurrentQueue<(ImageInput Image, InferenceResult Result)>();

            // Told before the session ends, which may take longer than an interrupted command has.
            using var words = new LastWords(() =>
            {
                if (!results.IsEmpty)
                {
                    bool phased = session.Plan.HasOfflineSteps;
                    report(new InferReport(
                        [.. results.Select(r => PredictionOf(r.Image, r.Result))], model, key.Key.PublicKey.Bits,
                        key.Seconds, session.TableSeconds)
                    {
                        Images = images.Count,
                        Family = session.Family,
                        KeyOrder = KeyOrders.NameOf(key.Key.PublicKey.Order),
                        SetupSeconds = phased ? session.SetUpSeconds : null,
                        SetupBytes = phased ? session.SetUpBytes : null,
                    });
                }
            });
            await AskAsync(session, images, results, done, cancellationToken).ConfigureAwait(false);
        }
    }

    private async Task AskAsync(
        ClientSession session,
        IReadOnlyList<ImageInput> images,
        ConcurrentQueue<(ImageInput Image, InferenceResult Result)> results,
        Action<ImagePrediction>? done,
        CancellationToken cancellationToken)
    {
        ImageInput[][] queries = [.. images.Chunk(ImagesPerQuery)];
        using var line = new ProgressLine("inferring");
        var progress = new QueriesProgress(queries.Length, line.Report);
        for (int i = 0; i < queries.Length; i++)
        {
            ImageInput[] query = queries[i];
            if (i < Prepare && session.PreparedCount == 0)
            {
                int end = Math.Min(Math.Min(Prepare, queries.Length), i + session.MaxPrepared);
                for (int next = i; next < end; next++)
                {
                    await session.PrepareAsync(
                        queries[next].Length, progress.Of(next, $"query {next + 1} of {queries.Length}"),
                        cancellationToken).ConfigureAwait(false);
                }
            }

            string first = $"{(query.Length == 1 ? "image" : "images from")} {results.Count + 1}";
            IReadOnlyList<InferenceResult> answers = await session.InferAsync(
                [.. query.Select(image => (ReadOnlyMemory<int>)image.Values)],
                progress.Of(i, $"{first} of {images.Count}"), cancellationToken).ConfigureAwait(false);
            foreach ((ImageInput image, InferenceResult result) in query.Zip(answers))
            {
                results.Enqueue((image, result));
                done?.Invoke(PredictionOf(image, result));
            }
        }
    }

    private static ImagePrediction PredictionOf(ImageInput image, InferenceResult result) => new()
    {
        Image = image.Name,
        Label = result.Label,
        Name = result.Name,
        Expected = image.Expected,
        Logits = [.. result.Logits.Select(logit => logit.ToString())],
        Seconds = result.Seconds,
        BytesUp = result.BytesUp,
        BytesDown = result.BytesDown,
        Rounds = result.Rounds,
        Images = result.Images,
        Clamped = result.Clamped,
        Use = result.Use.ShareOf(result.Images),
    };
}
