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

    /// <summary>Runs it; a second or so of one core.</summary>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="PopcornException">A result is wrong, or a party failed.</exception>
    public static async Task RunAsync(CancellationToken cancellationToken = default)
    {
        IntegerNetwork network = Network();
        using PaillierPrivateKey key =
            await Task.Run(() => PaillierPrivateKey.Generate(KeyBits, Small), cancellationToken).ConfigureAwait(false);
        foreach (Family family in FamilyRegistry.All)
        {
            await RunAsync(network, family, key, cancellationToken).ConfigureAwait(false);
        }
    }

    private static async Task RunAsync(
        IntegerNetwork network, Family family, PaillierPrivateKey key, CancellationToken cancellationToken)
    {
        using var model = new ServedModel("self-test", network, [family]);
        using var resources = new ServerResources();
        (IMessageChannel clientEnd, IMessageChannel serverEnd) = MemoryChannel.CreatePair();
        var options = new ServerOptions { Resources = resources, MinimumKeyBits = KeyBits, KeyOptions = Small };
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
            var oracle = new PlainEvaluator(network);
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

    /// <summary>A network with what networks have: a convolution, a ReLU that shifts and saturates, a pool, an end.
    /// </summary>
    private static IntegerNetwork Network()
    {
        const int Channels = 2, Classes = 3, Half = Side / 2;
        var plane = new Shape(Channels, Side, Side);
        var pooled = new Shape(Channels, Half, Half);
        var around = new Window(3, 3, 1, 1, 1, 1, 1, 1, Side, Side);
        var halves = new Window(2, 2, 2, 2, 1, 1, 0, 0, Half, Half);
        return new IntegerNetwork(
            new InputDescription(new Shape(1, Side, Side), 0, 255, 1.0 / 255),
            [
                new LinearLayer("conv", 0, plane, around, 1, Weights(Channels * 9), [-40, 60]),
                new ShiftLayer("relu", 1, plane, 3, 8),
                new MaxPoolLayer("pool", 2, pooled, halves, WithZero: false),
                new LinearLayer(
                    "dense", 3, new Shape(Classes, 1, 1), Window.Whole(Half, Half), 1, Weights(Classes * pooled.Size),
                    [1, 2, 3]),
            ],
            1);

        static int[] Weights(int count) => [.. Enumerable.Range(0, count).Select(i => (i * 5 % 16) - 7)];
    }
}
