namespace Popcorn.ObliviousTransfer.Extension;

/// <summary>How a stage makes COTs.</summary>
internal enum StageKind
{
    /// <summary>SoftSpoken, for use.</summary>
    Direct,

    /// <summary>SoftSpoken, for the first silent iteration to start from.</summary>
    Bootstrap,

    /// <summary>Trees of a silent iteration.</summary>
    Trees,
}

/// <summary>One message's worth of making COTs.</summary>
/// <param name="Kind">How.</param>
/// <param name="Set">The silent iteration's sizes; null without one.</param>
/// <param name="Iteration">Its number.</param>
/// <param name="First">The first of the trees.</param>
/// <param name="Count">How many trees, or how many COTs of SoftSpoken.</param>
/// <param name="Usable">COTs that it adds to the pool.</param>
internal readonly record struct Stage(
    StageKind Kind, FerretParameters? Set, ulong Iteration, int First, int Count, int Usable)
{
    /// <summary>Length of its message: the COT receiver's in SoftSpoken, else the COT sender's.</summary>
    public int Bytes => Kind == StageKind.Trees ? Count * Set!.TreeBytes : SmallField.BytesFor(Count);
}

/// <summary>
/// In which order a direction makes its COTs: SoftSpoken alone, or SoftSpoken, then an iteration of the smallest silent
/// set, then of the steady set for ever. The first outputs of an iteration are what the next one starts from; the rest
/// is for use. Trees are run as COTs are wanted. Public: both parties follow it without a word.
/// </summary>
/// <param name="steady">The set that it settles on; null: SoftSpoken alone.</param>
internal struct CotChain(FerretParameters? steady)
{
    /// <summary>In a message of SoftSpoken at most: 8 MB.</summary>
    private const long MostDirect = 1 << 21;

    private FerretParameters? _set; // of the iteration that runs
    private ulong _iteration;
    private int _tree;

    /// <summary>What the first iteration starts from.</summary>
    public static FerretParameters FirstSet => FerretParameters.Depth10;

    /// <summary>Whether it settles on a silent set.</summary>
    public readonly bool IsSilent => steady is not null;

    /// <summary>COTs that the next iteration starts from.</summary>
    public readonly int NextConsumed => steady!.Consumed;

    /// <summary>The next stage.</summary>
    /// <param name="wanted">COTs that are wanted; the stage may make fewer, or none yet.</param>
    public Stage Next(long wanted)
    {
        if (steady is null)
        {
            int count = (int)Math.Min(RoundUp(wanted), MostDirect);
            return new Stage(StageKind.Direct, null, 0, 0, count, count);
        }

        if (_set is null)
        {
            _set = FirstSet;
            int count = (int)RoundUp(_set.Consumed);
            return new Stage(StageKind.Bootstrap, null, 0, 0, count, 0);
        }

        if (_tree == _set.Trees)
        {
            _set = steady;
            _iteration++;
            _tree = 0;
        }

        int last = (int)Math.Min(_set.Trees, (UsableBefore(_tree) + wanted + NextConsumed - 1) / _set.Leaves + 1);
        var stage = new Stage(
            StageKind.Trees, _set, _iteration, _tree, last - _tree, (int)(UsableBefore(last) - UsableBefore(_tree)));
        _tree = last;
        return stage;
    }

    private static long RoundUp(long count) =>
        (count + SmallField.Granularity - 1) / SmallField.Granularity * SmallField.Granularity;

    /// <summary>Outputs for use among those of the first trees.</summary>
    private readonly long UsableBefore(int trees) => Math.Max(0, ((long)trees * _set!.Leaves) - NextConsumed);
}
