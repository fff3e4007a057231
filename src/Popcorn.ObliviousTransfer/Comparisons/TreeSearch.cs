namespace Popcorn.ObliviousTransfer.Comparisons;

/// <summary>Finds the best trees of at most so many levels of ANDs: a dynamic program, exact.</summary>
/// <param name="goal">What they are to be best at.</param>
internal sealed class TreeSearch(TreeGoal goal)
{
    /// <summary>Bits of the greatest table.</summary>
    private const int MostChunkBits = 4;

    /// <summary>A transfer's cost where they count first: no tree has as many bits.</summary>
    private const long Transfer = 1L << 24;

    private readonly Dictionary<(int, int, TreeResult), (long, ComparisonTree)?> _trees = [];
    private readonly Dictionary<(int, int, int), (long, ComparisonTree[])?> _chains = [];

    /// <summary>Cost of an AND that takes one factor or two: what both parties open, and two transfers.</summary>
    public long And(int factors) => (2 * (factors + 1)) + (goal == TreeGoal.FewestTransfers ? 2 * Transfer : 0);

    /// <summary>Bits in the query that a cost contains.</summary>
    public static long BitsOf(long cost) => cost % Transfer;

    /// <summary>A tree of its own.</summary>
    /// <param name="bits">1 or more.</param>
    /// <param name="depth">Levels of ANDs at most.</param>
    /// <param name="result">What it tells.</param>
    /// <returns>Null: there is none so flat.</returns>
    public (long Cost, ComparisonTree Tree)? Tree(int bits, int depth, TreeResult result)
    {
        if (!_trees.TryGetValue((bits, depth, result), out (long Cost, ComparisonTree)? best))
        {
            if (bits <= MostChunkBits)
            {
                best = (Table(bits, result), new ComparisonTree(bits));
            }

            for (int high = 1; depth > 0 && high < bits; high++)
            {
                if (Tree(high, depth - 1, WithEqual(result)) is { } upper
                    && Tree(bits - high, depth - 1, result) is { } lower
                    && upper.Cost + lower.Cost + Join(result) is var cost
                    && (best is null || cost < best.Value.Cost))
                {
                    best = (cost, new ComparisonTree(bits, upper.Tree, lower.Tree));
                }
            }

            _trees.Add((bits, depth, result), best);
        }

        return best;
    }

    /// <summary>Trees that are joined one after the other onto a comparison of lower bits.</summary>
    /// <param name="bits">Bits of all of them, 0 or more.</param>
    /// <param name="depth">Levels of ANDs at most, those of the lower bits included.</param>
    /// <param name="lowerDepth">Levels after which the lower bits are compared.</param>
    /// <returns>The lowest first; null: there are none so flat.</returns>
    public (long Cost, ComparisonTree[] Trees)? Chain(int bits, int depth, int lowerDepth)
    {
        if (bits == 0)
        {
            return depth >= lowerDepth ? (0, []) : null;
        }

        if (!_chains.TryGetValue((bits, depth, lowerDepth), out (long Cost, ComparisonTree[])? best))
        {
            for (int high = 1; depth > lowerDepth && high <= bits; high++)
            {
                if (Tree(high, depth - 1, TreeResult.LessAndEqual) is { } upper
                    && Chain(bits - high, depth - 1, lowerDepth) is { } lower
                    && upper.Cost + lower.Cost + And(1) is var cost
                    && (best is null || cost < best.Value.Cost))
                {
                    best = (cost, [.. lower.Trees, upper.Tree]);
                }
            }

            _chains.Add((bits, depth, lowerDepth), best);
        }

        return best;
    }

    /// <summary>Of two single bits equality is an XOR; entry 0 of a table is not sent.</summary>
    private static long Table(int bits, TreeResult result) => bits == 1 ? 1 : (int)result * ((1 << bits) - 1);

    private static TreeResult WithEqual(TreeResult result) =>
        result == TreeResult.Less ? TreeResult.LessAndEqual : result;

    private long Join(TreeResult result) => result switch
    {
        TreeResult.Less => And(1),
        TreeResult.LessAndEqual => And(2),
        TreeResult.LessAndEqualAndBefore => And(2) + And(1),
    };
}
