namespace Popcorn.ObliviousTransfer.Bits;

/// <summary>
/// Bits of many items, plane by plane: plane p holds bit p of every item, item i in bit i mod 64 of its word i / 64. So
/// one instruction works on as many items as a vector has bits. A plane begins at a multiple of 64 bytes and its
/// length is one; what stands in it behind the last item means nothing.
/// </summary>
internal readonly struct BitPlanes
{
    /// <summary>A plane's words are a multiple of this.</summary>
    public const int WordsOfVector = 8;

    private readonly SecretArray<ulong> _memory;
    private readonly int _first;

    /// <summary>Planes of zeros with memory of their own, which <see cref="Free"/> wipes.</summary>
    /// <param name="planes">How many planes.</param>
    /// <param name="items">How many items.</param>
    public BitPlanes(int planes, int items)
        : this(new SecretArray<ulong>(checked(planes * WordsFor(items))), planes, items)
    {
    }

    /// <summary>Planes in memory that somebody owns.</summary>
    /// <param name="memory">Of the length that they need.</param>
    /// <param name="planes">How many planes.</param>
    /// <param name="items">How many items.</param>
    public BitPlanes(SecretArray<ulong> memory, int planes, int items)
    {
        Count = planes;
        Items = items;
        Words = WordsFor(items);
        _memory = memory;
    }

    private BitPlanes(BitPlanes whole, int first, int planes)
    {
        _memory = whole._memory;
        _first = whole._first + first;
        Count = planes;
        Items = whole.Items;
        Words = whole.Words;
    }

    /// <summary>How many planes.</summary>
    public int Count { get; }

    /// <summary>How many items.</summary>
    public int Items { get; }

    /// <summary>Words of a plane.</summary>
    public int Words { get; }

    /// <summary>All planes, one after the other.</summary>
    public Span<ulong> Span => _memory.Span.Slice(_first * Words, Count * Words);

    /// <summary>A plane.</summary>
    /// <param name="plane">Which, from 0.</param>
    public Span<ulong> this[int plane] => _memory.Span.Slice((_first + plane) * Words, Words);

    /// <summary>Words of a plane of so many items.</summary>
    /// <param name="items">How many.</param>
    public static int WordsFor(int items) =>
        (int)(((long)items + (64 * WordsOfVector) - 1) / (64 * WordsOfVector)) * WordsOfVector;

    /// <summary>Some of the planes, in the same memory.</summary>
    /// <param name="first">The first of them.</param>
    /// <param name="planes">How many.</param>
    public BitPlanes Slice(int first, int planes)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)first, (uint)Count);
        ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)planes, (uint)(Count - first));
        return new BitPlanes(this, first, planes);
    }

    /// <summary>Wipes the memory that these planes stand in, of which they may be a part.</summary>
    public void Free() => _memory?.Dispose();
}
