using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Popcorn.Engine.Model;

namespace Popcorn.Engine.Evaluation;

/// <summary>
/// The memory in which one thread computes a tile after the other: the values that are still needed, and scratch memory
/// for the step that runs. Pieces of the latter begin at cache lines, because rows that straddle them would take twice
/// as long to read.
/// </summary>
internal sealed class Workspace
{
    private const int CacheLine = 64;

    private readonly int[][] _slots;
    private readonly LimbTensor[] _values;

    // Pinned, so that what is aligned stays so.
    private readonly byte[] _scratch;
    private readonly int _scratchBegin;
    private int _scratchUsed;

    /// <param name="values">Number of values of the network.</param>
    /// <param name="slotLengths">Limbs of each slot, a place for one value after the other.</param>
    /// <param name="scratchBytes">Sum of <see cref="BytesOf"/> over all pieces of the greediest step.</param>
    public Workspace(int values, IEnumerable<long> slotLengths, int scratchBytes)
    {
        _values = new LimbTensor[values];
        _slots = [.. slotLengths.Select(length => new int[length])];
        _scratch = GC.AllocateArray<byte>(scratchBytes + CacheLine, pinned: true);
        _scratchBegin = (int)(-Marshal.UnsafeAddrOfPinnedArrayElement(_scratch, 0) & (CacheLine - 1));
    }

    /// <summary>Values by number, as far as they are still needed.</summary>
    public LimbTensor this[int value] => _values[value];

    /// <summary>Makes room for a value in a slot whose value is no longer needed.</summary>
    public LimbTensor Place(int value, int slot, Shape shape, int limbs, int images) =>
        _values[value] = new LimbTensor(_slots[slot], shape, limbs, images);

    /// <summary>What a piece of scratch memory takes.</summary>
    public static int BytesOf<T>(int count)
        where T : unmanaged => checked(count * Unsafe.SizeOf<T>() + CacheLine - 1) & -CacheLine;

    /// <summary>Takes all pieces of scratch memory back.</summary>
    public void ClearScratch() => _scratchUsed = 0;

    /// <summary>A piece of scratch memory; what it holds is left over from earlier steps.</summary>
    public Span<T> Take<T>(int count)
        where T : unmanaged
    {
        Span<byte> piece = _scratch.AsSpan(_scratchBegin + _scratchUsed, count * Unsafe.SizeOf<T>());
        _scratchUsed += BytesOf<T>(count);
        return MemoryMarshal.Cast<byte, T>(piece);
    }
}
