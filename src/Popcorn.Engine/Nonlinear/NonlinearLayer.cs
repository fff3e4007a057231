using System.Numerics;
using Popcorn.Engine.Model;
using Popcorn.Engine.Planning;
using Popcorn.Interop;

namespace Popcorn.Engine.Nonlinear;

/// <summary>Exchanges the chunks of a round with the client.</summary>
internal interface IRoundExchange
{
    /// <summary>Sends every challenge and absorbs every answer.</summary>
    Task RunAsync(ServerRound round);
}

/// <summary>
/// A non-linear layer on the server's side: encrypted values in, encrypted values out, with the client's help in one or
/// more rounds. Each round sends its items in a fresh random order.
/// </summary>
internal abstract class NonlinearLayer
{
    /// <summary>The protocol of a plan's layer.</summary>
    /// <param name="plan">The plan.</param>
    /// <param name="index">The layer's number.</param>
    /// <param name="layer">The layer itself, with what is secret of it.</param>
    public static NonlinearLayer For(Plan plan, int index, Layer layer)
    {
        RoundStep[] steps = [.. plan.Steps.OfType<RoundStep>().Where(s => s.Layer == index)];
        return layer switch
        {
            ClipLayer clip => new ClipProtocol(steps[0], clip),
            _ when plan.TournamentOf(index) is Tournament tournament =>
                new TournamentLayer(tournament, plan.Images, steps),
            _ => new ElementwiseLayer(steps[0]),
        };
    }

    /// <summary>The permutation that undoes one.</summary>
    protected static int[] Inverse(int[] order)
    {
        var inverse = new int[order.Length];
        for (int i = 0; i < order.Length; i++)
        {
            inverse[order[i]] = i;
        }

        return inverse;
    }

    /// <summary>Runs the protocol.</summary>
    /// <returns>A new batch, which the caller disposes.</returns>
    public abstract Task<CiphertextBatch> RunAsync(
        ServerContext context, CiphertextBatch input, SecretRandom random, IRoundExchange exchange);
}

/// <summary>Sign, square and rescaling: every element for itself, one round.</summary>
internal sealed class ElementwiseLayer(RoundStep step) : NonlinearLayer
{
    /// <inheritdoc/>
    public override async Task<CiphertextBatch> RunAsync(
        ServerContext context, CiphertextBatch input, SecretRandom random, IRoundExchange exchange)
    {
        int[] order = random.Permutation(step.Items);
        using CiphertextBatch values = context.Gather(input, order);
        using ServerRound round = step.Kind switch
        {
            RoundKind.Sign => new SignRound(step, context, values, random),
            RoundKind.Square => new SquareRound(step, context, values, random),
            _ => new RescaleRound(step, context, values, random),
        };
        await exchange.RunAsync(round).ConfigureAwait(false);
        return context.Gather(round.Results, Inverse(order));
    }
}

/// <summary>min(max(x, 0), c): every element for itself, one round; the caps stay here.</summary>
internal sealed class ClipProtocol(RoundStep step, ClipLayer layer) : NonlinearLayer
{
    /// <inheritdoc/>
    public override async Task<CiphertextBatch> RunAsync(
        ServerContext context, CiphertextBatch input, SecretRandom random, IRoundExchange exchange)
    {
        // |x| < 2^b: a cap beyond that is never reached, and must not take x − c out of its slot.
        BigInteger most = BigInteger.One << step.BoundBits;
        int[] order = random.Permutation(step.Items);
        BigInteger[] caps = Array.ConvertAll(order, i => BigInteger.Min(layer.Caps[i / layer.Output.Area % layer.Output.Channels], most));
        using CiphertextBatch values = context.Gather(input, order);
        using var round = new ClipRound(step, context, values, caps, random);
        await exchange.RunAsync(round).ConfigureAwait(false);
        return context.Gather(round.Results, Inverse(order));
    }
}

/// <summary>ReLU and max-pool: the rounds of a <see cref="Tournament"/>, in which all images play at once.</summary>
internal sealed class TournamentLayer(Tournament tournament, int images, RoundStep[] steps) : NonlinearLayer
{
    /// <inheritdoc/>
    public override async Task<CiphertextBatch> RunAsync(
        ServerContext context, CiphertextBatch input, SecretRandom random, IRoundExchange exchange)
    {
        // Players: the input's elements, the winners of all matches in the order in which they travelled, and at the
        // end the trivial encryption of 0 that a fresh batch holds.
        int size = input.Count / images;
        int ofImage = size + tournament.Matches;
        using var players = new CiphertextBatch(context.Key, images * ofImage + 1);
        int zero = players.Count - 1;
        players.Gather(input, Range(0, input.Count), 0);

        // Where an image's player stands: its elements, then its matches round by round.
        var location = new int[images * ofImage];
        for (int i = 0; i < input.Count; i++)
        {
            location[i / size * ofImage + i % size] = i;
        }

        int first = size;
        for (int r = 0; r < steps.Length; r++)
        {
            IReadOnlyList<Match> round = tournament.Rounds[r];
            int[] order = random.Permutation(steps[r].Items);
            int[] left = Array.ConvertAll(order, i => Locate(i / round.Count, round[i % round.Count].Left));
            int[] right = Array.ConvertAll(order, i => round[i % round.Count].Right == Tournament.Zero
                ? zero
                : Locate(i / round.Count, round[i % round.Count].Right));
            bool allZero = Array.TrueForAll(right, p => p == zero);
            using CiphertextBatch leftPlayers = context.Gather(players, left);
            using CiphertextBatch? rightPlayers = allZero ? null : context.Gather(players, right);
            using var compare = new CompareRound(steps[r], context, leftPlayers, rightPlayers, random);
            await exchange.RunAsync(compare).ConfigureAwait(false);

            int next = images * first;
            players.Gather(compare.Results, Range(0, order.Length), next);
            for (int i = 0; i < order.Length; i++)
            {
                location[order[i] / round.Count * ofImage + first + order[i] % round.Count] = next + i;
            }

            first += round.Count;
        }

        IEnumerable<int> winners =
            Enumerable.Range(0, images).SelectMany(image => tournament.Winners.Select(w => Locate(image, w)));
        return context.Gather(players, [.. winners]);

        int Locate(int image, int player) => location[image * ofImage + player];
    }

    private static int[] Range(int start, int count) => [.. Enumerable.Range(start, count)];
}
