using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Popcorn.ObliviousTransfer.Bits;

/// <summary>Planes as vectors: a column is 512 items, one vector of every plane.</summary>
internal readonly ref struct PlaneVectors
{
    private readonly Span<Vector512<ulong>> _vectors;

    /// <summary>A view of planes.</summary>
    /// <param name="planes">Where they stand.</param>
    public PlaneVectors(BitPlanes planes)
    {
        _vectors = MemoryMarshal.Cast<ulong, Vector512<ulong>>(planes.Span);
        Count = planes.Count;
        Columns = planes.Words / BitPlanes.WordsOfVector;
    }

    /// <summary>How many planes.</summary>
    public int Count { get; }

    /// <summary>How many columns.</summary>
    public int Columns { get; }

    /// <summary>A vector.</summary>
    /// <param name="plane">Of which plane.</param>
    /// <param name="column">In which column.</param>
    public ref Vector512<ulong> this[int plane, int column]
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => ref _vectors[(plane * Columns) + column];
    }
}
