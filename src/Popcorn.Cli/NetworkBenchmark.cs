using System.Diagnostics;
using System.Numerics;
using Popcorn.Cli.Commands;
using Popcorn.Engine;
using Popcorn.Engine.Evaluation;
using Popcorn.Engine.Model;
using Popcorn.Engine.Planning;
using Popcorn.Engine.Sessions;
using Popcorn.Engine.Wire;
using Popcorn.Interop;

namespace Popcorn.Cli;

/// <summary>One oblivious inference with both parties in this process, measured and compared with its prediction.</summary>
internal static class NetworkBenchmark
{
    /// <summary>Runs a model on random input; costs do not depend on it.</summary>
    /// <param name="path">The model.</param>
    /// <param name="keyBits">Bits of the client's key.</param>
    /// <param name="options">The client's threads, which are the server's too, and its randomness.</param>
    /// <param name="link">What lies between the parties.</param>
    /// <param name="repeat">Inferences; the fastest is reported.</param>
    /// <param name="progress">Told how far the client is.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public static async Task<NetworkReport> RunAsync(
        string path, int keyBits, ClientOptions options, EmulatedLink link, int repeat, IProgress<SessionProgress> progress,
        CancellationToken cancellationToken)
    {
        var clock = Stopwatch.StartNew();
        string name = Path.GetFileNameWithoutExtension(path);
        IntegerNetwork network = Files.LoadModel(path);
        using var model = new ServedModel(name, network);
        double compileSeconds = clock.Elapsed.TotalSeconds;
        KernelTimes times = KernelTimes.Measure(model.PlanFor(keyBits), Environment.ProcessorCount, options.Profile);

        clock.Restart();
        using PaillierPrivateKey key = PaillierPrivateKey.Generate(keyBits);
        double keySeconds = clock.Elapsed.TotalSeconds;

        var queries = new List<QueryReport>();
        int threads = options.DegreeOfParallelism;
        var serverOptions = new ServerOptions { DegreeOfParallelism = threads, QueryDone = queries.Add };
        var server = new ServerSession(new Dictionary<string, ServedModel> { [name] = model }, serverOptions);
        (IMessageChannel clientEnd, IMessageChannel serverEnd) = link.Between(MemoryChannel.CreatePair());
        Task serving = Task.Run(() => server.RunAsync(serverEnd, cancellationToken), cancellationToken);
        int[] input = RandomInput(network.Input);
        var results = new List<InferenceResult>();
        long allocated = 0;
        clock.Restart();
        ClientSession session = await ClientSession.OpenAsync(
            clientEnd, key, name, options, cancellationToken)
            .ConfigureAwait(false);
        double tableSeconds = clock.Elapsed.TotalSeconds;
        await using (session.ConfigureAwait(false))
        {
            for (int i = 0; i < repeat; i++)
            {
                long before = GC.GetTotalAllocatedBytes();
                results.Add(await session.InferAsync(input, progress, cancellationToken).ConfigureAwait(false));
                allocated = GC.GetTotalAllocatedBytes() - before;
            }
        }

        await serving.ConfigureAwait(false);
        Prediction predicted = Inspection.Of(model, keyBits, times, Environment.ProcessorCount, threads).Predicted;
        BigInteger[] expected = new PlainEvaluator(network).Run(input);
        int fastest = Enumerable.Range(0, repeat).MinBy(i => results[i].Seconds);
        InferenceResult result = results[fastest];
        return new NetworkReport(
            name, PaillierLibrary.DefaultKernel, keyBits, threads, result.Logits.SequenceEqual(expected),
            result.Seconds, queries[fastest].WorkSeconds, result.WorkSeconds,
            link.SecondsWith(predicted.Seconds, result.BytesUp, result.BytesDown, result.Rounds),
            queries[fastest].Products, predicted.Products, result.BytesUp, result.BytesDown, result.Rounds,
            Process.GetCurrentProcess().PeakWorkingSet64, keySeconds, compileSeconds, tableSeconds, allocated);
    }

    private static int[] RandomInput(InputDescription input)
    {
        var random = new Random(1);
        return [.. Enumerable.Range(0, input.Shape.Size).Select(_ => random.Next(input.Minimum, input.Maximum + 1))];
    }
}
