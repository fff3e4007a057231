using System.Diagnostics;
using Popcorn.Cli.Data;
using Popcorn.Cli.Terminal;
using Popcorn.Engine.Costs;
using Popcorn.Engine.Evaluation;
using Popcorn.Engine.Model;
using Popcorn.Engine.Planning;
using Popcorn.Engine.Protocols;
using Popcorn.Engine.Resources;
using Popcorn.Engine.Sessions;
using Popcorn.Engine.Wire;
using Popcorn.Interop;

namespace Popcorn.Cli.Measurement;

/// <summary>One oblivious inference with both parties in this process, measured and compared with its prediction.
/// </summary>
internal sealed class NetworkBenchmark
{
    private const double SecondsToRepeat = 3;

    /// <summary>Bits of the client's key.</summary>
    public required int KeyBits { get; init; }

    /// <summary>Kind of the client's key.</summary>
    public KeyOrder KeyOrder { get; init; }

    /// <summary>Images that an inference classifies at once.</summary>
    public int Images { get; init; } = 1;

    /// <summary>The families to choose from.</summary>
    public required FamilyOffer Offer { get; init; }

    /// <summary>The client's threads, which are the server's too, and its randomness.</summary>
    public required ClientOptions Client { get; init; }

    /// <summary>
    /// Inferences; the fastest is reported. 0: as many as begin within <see cref="SecondsToRepeat"/>: the first ones
    /// wait for the runtime to compile.
    /// </summary>
    public int Repeat { get; init; }

    /// <summary>Where times of operations come from; null: they are measured.</summary>
    public OperationTimes? Times { get; init; }

    /// <summary>Runs a model on random input; costs do not depend on it.</summary>
    /// <param name="path">The model.</param>
    /// <param name="progress">Told how far the client is.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public async Task<NetworkReport> RunAsync(
        string path, IProgress<SessionProgress> progress, CancellationToken cancellationToken)
    {
        string name = Path.GetFileNameWithoutExtension(path);
        IntegerNetwork network = Files.LoadModel(path);
        return await RunAsync(name, network, progress, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Runs a network on random input; costs do not depend on it.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="network">The network.</param>
    /// <param name="progress">Told how far the client is.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public async Task<NetworkReport> RunAsync(
        string name, IntegerNetwork network, IProgress<SessionProgress> progress, CancellationToken cancellationToken)
    {
        var clock = Stopwatch.StartNew();
        using ServedModel model = Offer.Compile(name, network, KeyBits);
        double compileSeconds = clock.Elapsed.TotalSeconds;
        TransferTimes? transfers = null;
        FamilyForecast forecast = Offer.Rank(
            model, KeyBits, family => Forecast(model, family, transfers ??= TransfersNow()))[0];
        var link = new EmulatedLink(Offer.Link.DelayMilliseconds, Offer.Link.Mbit);

        clock.Restart();
        using PaillierPrivateKey key = PaillierPrivateKey.Generate(
            KeyBits, new KeyOptions { Order = KeyOrder });
        double keySeconds = clock.Elapsed.TotalSeconds;

        var queries = new List<QueryReport>();
        int threads = Client.DegreeOfParallelism;
        using var resources = new ServerResources();
        var serverOptions = new ServerOptions
        {
            DegreeOfParallelism = threads,
            Resources = resources,
            AcceptShortOrder = KeyOrder == KeyOrder.Short,
            QueryDone = queries.Add,
        };
        var server = new ServerSession(new ServedModels(model), serverOptions);
        (IMessageChannel clientEnd, IMessageChannel serverEnd) = link.Between(MemoryChannel.CreatePair());
        Task serving = Task.Run(() => server.RunAsync(serverEnd, cancellationToken), cancellationToken);
        ReadOnlyMemory<int>[] inputs = RandomInputs(network.Input, Images);
        var results = new List<IReadOnlyList<InferenceResult>>();
        long allocated = 0;
        clock.Restart();
        ClientSession session = await ClientSession.OpenAsync(
            clientEnd, key, name, Client with { Families = [forecast.Family] }, cancellationToken)
            .ConfigureAwait(false);
        double tableSeconds = clock.Elapsed.TotalSeconds;
        await using (session.ConfigureAwait(false))
        {
            clock.Restart();
            while (results.Count == 0
                || (Repeat > 0 ? results.Count < Repeat : clock.Elapsed.TotalSeconds < SecondsToRepeat))
            {
                long before = GC.GetTotalAllocatedBytes();
                results.Add(await session.InferAsync(inputs, progress, cancellationToken).ConfigureAwait(false));
                allocated = GC.GetTotalAllocatedBytes() - before;
            }
        }

        await serving.ConfigureAwait(false);
        Prediction predicted = forecast.Inspection.Predicted;
        var evaluator = new PlainEvaluator(network);

        // Not the first, where there are others: it waits for the runtime, and its number, 0, takes no bytes.
        int first = Math.Min(1, results.Count - 1);
        int fastest = Enumerable.Range(first, results.Count - first).MinBy(i => results[i][0].Seconds);
        InferenceResult result = results[fastest][0];
        PhaseUse use = result.Use.Total;
        bool phased = session.Plan.HasOfflineSteps;
        return new NetworkReport
        {
            Model = name,
            Family = forecast.Family.Name,
            Isa = PaillierLibrary.DefaultKernel,
            KeyBits = KeyBits,
            KeyOrder = KeyOrders.NameOf(KeyOrder),
            Threads = threads,
            Images = Images,
            Inferences = results.Count,
            Exact = inputs.Zip(results[fastest]).All(pair =>
                pair.Second.Logits.SequenceEqual(evaluator.Run(pair.First.Span))),
            Seconds = use.Seconds,
            ServerSeconds = queries[fastest].WorkSeconds,
            ClientSeconds = result.WorkSeconds,
            PredictedSeconds = link.SecondsWith(predicted.Seconds, use.BytesUp, use.BytesDown, use.Rounds),
            PredictedPrepareSeconds = InSeconds(predicted.Prepare),
            PredictedOnlineSeconds = InSeconds(predicted.Online),
            Products = queries[fastest].Products,
            PredictedProducts = predicted.Products,
            BytesUp = use.BytesUp,
            BytesDown = use.BytesDown,
            Rounds = use.Rounds,
            PeakMemoryBytes = Process.GetCurrentProcess().PeakWorkingSet64,
            KeySeconds = keySeconds,
            CompileSeconds = compileSeconds,
            TableSeconds = tableSeconds,
            AllocatedBytes = allocated,
            Use = result.Use,
            SetupSeconds = phased ? session.SetUpSeconds : null,
            SetupBytes = phased ? session.SetUpBytes : null,
        };
    }

    private double? InSeconds(PhaseUse? phase) => phase is null ? null : new EmulatedLink(
        Offer.Link.DelayMilliseconds, Offer.Link.Mbit)
        .SecondsWith(phase.Seconds, phase.BytesUp, phase.BytesDown, phase.Rounds);

    private TransferTimes TransfersNow() =>
        Times?.Transfers ?? TransferTimes.Measure(Environment.ProcessorCount);

    /// <summary>What a family will take, from times measured now.</summary>
    private Inspection Forecast(ServedModel model, Family family, TransferTimes transfers)
    {
        int cores = Environment.ProcessorCount;
        OperationTimes times = Times ?? OperationTimes.Measure(
            model.PlanFor(KeyBits, family: family, order: KeyOrder), KeyBits, cores, Client.Profile,
            new KeyOptions { Order = KeyOrder }, transfers);
        return model.Inspect(
            new InspectionConditions(KeyBits, times, cores, Client.DegreeOfParallelism) { KeyOrder = KeyOrder },
            Images, family);
    }

    private static ReadOnlyMemory<int>[] RandomInputs(InputDescription input, int images)
    {
        var random = new Random(1);
        return
        [
            .. Enumerable.Range(0, images).Select(_ => (ReadOnlyMemory<int>)Enumerable.Range(0, input.Shape.Size)
                .Select(_ => random.Next(input.Minimum, input.Maximum + 1)).ToArray()),
        ];
    }
}
