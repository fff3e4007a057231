using System.Numerics;
using Popcorn.Engine.Evaluation;
using Popcorn.Engine.Families;
using Popcorn.Engine.Model;
using Popcorn.Engine.Protocols;
using Popcorn.Engine.Resources;
using Popcorn.Engine.Wire;
using Popcorn.Interop;

namespace Popcorn.Engine.Sessions;

/// <summary>
/// Inferences of a small network by each family, both parties in this process, under a key of their own: whether this
/// build computes on this machine what it should, and whatever is compiled or measured at its first use is by then.
/// </summary>
public static class SelfTest
{
    private const int Side = 8;

    /// <summary>A key that is quick: there is nothing to hide.</summary>
    private const int KeyBits = 1024;

    /// <summary>Queries of each family: what was compiled for the first is used by the second.</summary>
    private const int Queries = 2;

    private static readonly KeyOptions Small = new() { AllowInsecureSize = true };

    /// <summary>
    /// A network with what networks have: a convolution, ReLUs that shift and saturate, a pool, layers of enough
    /// outputs to fill a vector, with weights of one byte and of two, plain ReLUs, an end. Sums have up to 32 bits, and
    /// then more, which are computed by code of their own.
    /// </summary>
    internal static IntegerNetwork Network { get; } = Build();

    /// <summary>Runs it; a second or so of one core.</summary>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="PopcornException">A result is wrong, or a party failed.</exception>
    public static Task RunAsync(CancellationToken cancellationToken = default) =>
        RunAsync(queryDone: null, cancellationToken);

    /// <summary>The same, and tells of each query as the server saw it.</summary>
    internal static async Task RunAsync(Action<QueryReport>? queryDone, CancellationToken cancellationToken)
    {
        using PaillierPrivateKey key =
            await Task.Run(() => PaillierPrivateKey.Generate(KeyBits, Small), cancellationToken).ConfigureAwait(false);
        foreach (Family family in FamilyRegistry.All)
        {
            await RunAsync(family, key, queryDone, cancellationToken).ConfigureAwait(false);
        }
    }

    private static async Task RunAsync(
        Family family, PaillierPrivateKey key, Action<QueryReport>? queryDone, CancellationToken cancellationToken)
    {
        using var model = new ServedModel(family.Name, Network, [family]);
        using var resources = new ServerResources();
        (IMessageChannel clientEnd, IMessageChannel serverEnd) = MemoryChannel.CreatePair();
        var options = new ServerOptions
        {
            Resources = resources,
            MinimumKeyBits = KeyBits,
            KeyOptions = Small,
            QueryDone = queryDone,
        };
        Task serving = Task.Run(
            async () =>
            {
                await using (serverEnd.ConfigureAwait(false))
                {
                    await new ServerSession(new ServedModels(model), options).RunAsync(serverEnd, cancellationToken)
                        .ConfigureAwait(false);
                }
            },
            CancellationToken.None);
        ClientSession client = await ClientSession.OpenAsync(
            clientEnd, key, model.Name, new ClientOptions { Families = [family] }, cancellationToken)
            .ConfigureAwait(false);
        await using (client.ConfigureAwait(false))
        {
            var oracle = new PlainEvaluator(Network);
            for (int query = 0; query < Queries; query++)
            {
                int[] input = [.. Enumerable.Range(0, Side * Side).Select(i => (i * 37 + query * 11) % 256)];
                InferenceResult result =
                    await client.InferAsync(input, null, cancellationToken).ConfigureAwait(false);
                if (!result.Logits.SequenceEqual(oracle.Run(input)))
                {
                    throw new PopcornException(
                        $"The self-test of {family.Name} gave a wrong result; do not use this build on this machine.");
                }
            }
        }

        await serving.ConfigureAwait(false);
    }

    private static IntegerNetwork Build()
    {
        const int Channels = 2, Hidden = 16, Classes = 3, Half = Side / 2;
        var plane = new Shape(Channels, Side, Side);
        var pooled = new Shape(Channels, Half, Half);
        var hidden = new Shape(Hidden, 1, 1);
        var around = new Window(3, 3, 1, 1, 1, 1, 1, 1, Side, Side);
        var halves = new Window(2, 2, 2, 2, 1, 1, 0, 0, Half, Half);
        return new IntegerNetwork(
            new InputDescription(new Shape(1, Side, Side), 0, 255, 1.0 / 255),
            [
                new LinearLayer("conv", 0, plane, around, 1, Weights(Channels * 9), [-40, 60]),
                new ShiftLayer("relu", 1, plane, 3, 8),
                new MaxPoolLayer("pool", 2, pooled, halves, WithZero: false),
                new LinearLayer(
                    "bytes", 3, hidden, Window.Whole(Half, Half), 1, Weights(Hidden * pooled.Size),
                    new BigInteger[Hidden]),
                new ShiftLayer("cut", 4, hidden, 7, 8),
                Dense("shorts", 5, Hidden, magnitude: 100),
                new ReluLayer("relu2", 6, hidden),
                Dense("long-shorts", 7, Hidden, magnitude: 100),
                new ReluLayer("relu3", 8, hidden),
                Dense("long-bytes", 9, Hidden),
                new ReluLayer("relu4", 10, hidden),
                Dense("end", 11, Classes),
            ],
            1);

        static LinearLayer Dense(string name, int input, int outputs, int magnitude = 1) => new(
            name, input, new Shape(outputs, 1, 1), Window.Whole(1, 1), 1, Weights(outputs * Hidden, magnitude),
            new BigInteger[outputs]);

        // Not just multiples: what all weights of an output have in common is taken out of them.
        static int[] Weights(int count, int magnitude = 1) =>
            [.. Enumerable.Range(0, count).Select(i => ((i * 5 % 16) - 7) * magnitude + (i % 3))];
    }
}
