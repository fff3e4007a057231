using System.Diagnostics;
using Popcorn.Cli.Commands;
using Popcorn.Engine.Costs;
using Popcorn.Engine.Evaluation;
using Popcorn.Engine.Model;
using Popcorn.Engine.Blinded;
using Popcorn.Engine.Families;
using Popcorn.Engine.Sessions;
using Popcorn.Engine.Wire;
using Popcorn.Interop;

namespace Popcorn.Cli;

/// <summary>One oblivious inference with both parties in this process, measured and compared with its prediction.</summary>
internal static class NetworkBenchmark
{
    private const double SecondsToRepeat = 3;

    /// <summary>Runs a model on random input; costs do not depend on it.</summary>
    /// <param name="path">The model.</param>
    /// <param name="keyBits">Bits of the client's key.</param>
    /// <param name="images">Images that an inference classifies at once.</param>
    /// <param name="chunkCiphertexts">See <see cref="BlindedFamily.ChunkCiphertexts"/>.</param>
    /// <param name="options">The client's threads, which are the server's too, and its randomness.</param>
    /// <param name="link">What lies between the parties.</param>
    /// <param name="repeat">
    /// Inferences; the fastest is reported. 0: as many as begin within <see cref="SecondsToRepeat"/>: the first ones
    /// wait for the runtime to compile.
    /// </param>
    /// <param name="progress">Told how far the client is.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public static async Task<NetworkReport> RunAsync(
        string path, int keyBits, int images, int chunkCiphertexts, ClientOptions options, EmulatedLink link, int repeat,
        IProgress<SessionProgress> progress, CancellationToken cancellationToken)
    {
        var clock = Stopwatch.StartNew();
        string name = Path.GetFileNameWithoutExtension(path);
        IntegerNetwork network = Files.LoadModel(path);
        using var model = new ServedModel(name, network, FamilyRegistry.Create(chunkCiphertexts));
        double compileSeconds = clock.Elapsed.TotalSeconds;
        OperationTimes times = OperationTimes.Measure(
            model.PlanFor(keyBits), keyBits, Environment.ProcessorCount, options.Profile);

        clock.Restart();
        using PaillierPrivateKey key = PaillierPrivateKey.Generate(keyBits);
        double keySeconds = clock.Elapsed.TotalSeconds;

        var queries = new List<QueryReport>();
        int threads = options.DegreeOfParallelism;
        var serverOptions = new ServerOptions { DegreeOfParallelism = threads, QueryDone = queries.Add };
        var server = new ServerSession(new Dictionary<string, ServedModel> { [name] = model }, serverOptions);
        (IMessageChannel clientEnd, IMessageChannel serverEnd) = link.Between(MemoryChannel.CreatePair());
        Task serving = Task.Run(() => server.RunAsync(serverEnd, cancellationToken), cancellationToken);
        ReadOnlyMemory<int>[] inputs = RandomInputs(network.Input, images);
        var results = new List<IReadOnlyList<InferenceResult>>();
        long allocated = 0;
        clock.Restart();
        ClientSession session = await ClientSession.OpenAsync(
            clientEnd, key, name, options, cancellationToken)
            .ConfigureAwait(false);
        double tableSeconds = clock.Elapsed.TotalSeconds;
        await using (session.ConfigureAwait(false))
        {
            clock.Restart();
            while (results.Count == 0
                || (repeat > 0 ? results.Count < repeat : clock.Elapsed.TotalSeconds < SecondsToRepeat))
            {
                long before = GC.GetTotalAllocatedBytes();
                results.Add(await session.InferAsync(inputs, progress, cancellationToken).ConfigureAwait(false));
                allocated = GC.GetTotalAllocatedBytes() - before;
            }
        }

        await serving.ConfigureAwait(false);
        Prediction predicted = model.Inspect(
            new InspectionConditions(keyBits, times, Environment.ProcessorCount, threads), images).Predicted;
        var evaluator = new PlainEvaluator(network);
        int fastest = Enumerable.Range(0, results.Count).MinBy(i => results[i][0].Seconds);
        InferenceResult result = results[fastest][0];
        bool exact = inputs.Zip(results[fastest]).All(pair =>
            pair.Second.Logits.SequenceEqual(evaluator.Run(pair.First.Span)));
        long up = images * result.BytesUp, down = images * result.BytesDown;
        return new NetworkReport(
            name, PaillierLibrary.DefaultKernel, keyBits, threads, images, results.Count, exact,
            result.Seconds, queries[fastest].WorkSeconds, result.WorkSeconds,
            link.SecondsWith(predicted.Seconds, up, down, result.Rounds),
            queries[fastest].Products, predicted.Products, up, down, result.Rounds,
            Process.GetCurrentProcess().PeakWorkingSet64, keySeconds, compileSeconds, tableSeconds, allocated);
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
