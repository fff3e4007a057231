namespace Popcorn.ObliviousTransfer.Comparisons;

/// <summary>
/// Trees of one operation: of the bits below its shift, of those above, and of those beyond saturation. What the low
/// one tells is the carry of a truncation, so one comparison serves for both (Rathee et al., SIRNN, 2021).
/// </summary>
/// <param name="Depth">Levels of ANDs at most.</param>
/// <param name="Bits">Bits that all of them cost in the query.</param>
/// <param name="Low">Null: no bits.</param>
/// <param name="Middle">Joined onto the low one, the lowest first; without a low one at most one tree.</param>
/// <param name="Top">Null: without saturation.</param>
internal sealed record ComparisonTrees(
    int Depth, long Bits, ComparisonTree? Low, IReadOnlyList<ComparisonTree> Middle, ComparisonTree? Top)
{
    private const int MostDepth = 8;

    /// <summary>Another level has to save more bits than this.</summary>
    private const int BitsOfLevel = 8;

    /// <summary>No bits at all.</summary>
    public static ComparisonTrees None { get; } = new(0, 0, null, [], null);

    /// <summary>The best trees.</summary>
    /// <param name="low">Bits below the shift.</param>
    /// <param name="middle">Bits above, up to saturation.</param>
    /// <param name="top">Bits beyond; 0: without saturation.</param>
    /// <param name="copies">Comparisons of the middle bits.</param>
    /// <param name="depth">Levels of ANDs; null: <see cref="Operation.Depth"/> says which.</param>
    /// <param name="goal">What they are best at.</param>
    /// <exception cref="ArgumentException">There are none of so few levels.</exception>
    public static ComparisonTrees Of(int low, int middle, int top, int copies, int? depth, TreeGoal goal)
    {
        var search = new TreeSearch(goal);
        if (depth is { } wanted)
        {
            return At(wanted) ?? throw new ArgumentException(
                $"{low + middle + top} bits cannot be compared in {wanted} levels", nameof(depth));
        }

        ComparisonTrees? best = null;
        for (int levels = 0; levels <= MostDepth; levels++)
        {
            ComparisonTrees? next = At(levels);
            if (best is not null && next is not null && best.Bits - next.Bits <= BitsOfLevel)
            {
                break;
            }

            best = next ?? best;
        }

        return best!;

        ComparisonTrees? At(int levels) => Best(search, (low, middle, top), copies, levels);
    }

    private static ComparisonTrees? Best(TreeSearch search, (int Low, int Middle, int Top) bits, int copies, int depth)
    {
        (long Cost, ComparisonTrees Trees)? best = null;
        int middleDepth = bits.Top > 0 ? depth - 1 : depth;
        for (int lowDepth = 0; lowDepth <= depth; lowDepth++)
        {
            (long Cost, ComparisonTree? Tree)? low = bits.Low > 0
                ? Found(search.Tree(bits.Low, lowDepth, TreeResult.Less))
                : (0, null);
            (long Cost, ComparisonTree[] Trees)? middle = bits.Low > 0 || bits.Middle == 0
                ? search.Chain(bits.Middle, middleDepth, bits.Low > 0 ? lowDepth : 0)
                : search.Tree(bits.Middle, middleDepth, TreeResult.Less) is { } single
                    ? (single.Cost, [single.Tree])
                    : null;
            (long Cost, ComparisonTree? Tree)? top = bits.Top > 0
                ? Found(search.Tree(bits.Top, middleDepth, TreeResult.LessAndEqualAndBefore), search.And(2))
                : (0, null);
            if (low is { } l && middle is { } m && top is { } t
                && l.Cost + (copies * m.Cost) + t.Cost is var cost
                && (best is null || cost < best.Value.Cost))
            {
                best = (cost, new ComparisonTrees(depth, TreeSearch.BitsOf(cost), l.Tree, m.Trees, t.Tree));
            }
        }

        return best?.Trees;

        static (long, ComparisonTree?)? Found((long Cost, ComparisonTree Tree)? tree, long join = 0) =>
            tree is { } found ? (found.Cost + join, found.Tree) : null;
    }
}
