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
            _ when plan.TournamentOf(index) is Tournament tournament => new TournamentLayer(tournament, steps),
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
        BigInteger[] caps = Array.ConvertAll(order, i => BigInteger.Min(layer.Caps[i / layer.Output.Area], most));
        using CiphertextBatch values = context.Gather(input, order);
        using var round = new ClipRound(step, context, values, caps, random);
        await exchange.RunAsync(round).ConfigureAwait(false);
        return context.Gather(round.Results, Inverse(order));
    }
}

/// <summary>ReLU and max-pool: the rounds of a <see cref="Tournament"/>.</summary>
internal sealed class TournamentLayer(Tournament tournament, RoundStep[] steps) : NonlinearLayer
{
    /// <inheritdoc/>
    public override async Task<CiphertextBatch> RunAsync(
        ServerContext context, CiphertextBatch input, SecretRandom random, IRoundExchange exchange)
    {
        // Players: the input's elements, the winners of all matches in the order in which they travelled, and at the
        // end the trivial encryption of 0 that a fresh batch holds.
        using var players = new CiphertextBatch(context.Key, input.Count + tournament.Matches + 1);
        int zero = players.Count - 1;
        players.Gather(input, Range(0, input.Count), 0);

        var location = new int[input.Count + tournament.Matches];
        Range(0, input.Count).CopyTo(location, 0);
        int next = input.Count;
        for (int r = 0; r < steps.Length; r++)
        {
            IReadOnlyList<Match> round = tournament.Rounds[r];
            int[] order = random.Permutation(round.Count);
            int[] left = Array.ConvertAll(order, m => location[round[m].Left]);
            int[] right = Array.ConvertAll(
                order, m => round[m].Right == Tournament.Zero ? zero : location[round[m].Right]);
            bool allZero = Array.TrueForAll(right, p => p == zero);
            using CiphertextBatch leftPlayers = context.Gather(players, left);
            using CiphertextBatch? rightPlayers = allZero ? null : context.Gather(players, right);
            using var compare = new CompareRound(steps[r], context, leftPlayers, rightPlayers, random);
            await exchange.RunAsync(compare).ConfigureAwait(false);

            players.Gather(compare.Results, Range(0, round.Count), next);
            for (int i = 0; i < order.Length; i++)
            {
                location[next + order[i]] = next + i;
            }

            next += round.Count;
        }

        return context.Gather(players, [.. tournament.Winners.Select(w => location[w])]);
    }

    private static int[] Range(int start, int count) => [.. Enumerable.Range(start, count)];
}
