namespace Popcorn.ObliviousTransfer.Extension;

/// <summary>
/// COTs that were taken, with the number of the first. Only a pool makes one, each number once (and the set-up one, of
/// the COTs before all pools, for a use of their own), and a hash takes nothing else: so no number is ever hashed for
/// two blocks, nor a block under two numbers.
/// </summary>
internal readonly ref struct CotRange
{
    private readonly ulong _first;
    private readonly ReadOnlySpan<Block> _blocks;

    internal CotRange(ulong first, ReadOnlySpan<Block> blocks)
    {
        _first = first;
        _blocks = blocks;
    }

    /// <summary>Number of the first, within the direction.</summary>
    public ulong First => _first;

    /// <summary>The sender's q, or the receiver's t.</summary>
    public ReadOnlySpan<Block> Blocks => _blocks;
}
