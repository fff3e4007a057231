using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Popcorn.Engine.Evaluation;

/// <summary>
/// Memory in which one thread computes a step after the other. All pieces begin at cache lines: rows that straddle
/// them would take twice as long to read.
/// </summary>
internal sealed class Scratch
{
    private const int Line = 64;

    // Pinned, so that what is aligned stays so.
    private readonly byte[] _memory;
    private readonly int _begin;
    private int _used;

    /// <param name="bytes">Sum of <see cref="BytesOf"/> over all pieces of the greediest step.</param>
    public Scratch(int bytes)
    {
        _memory = GC.AllocateArray<byte>(bytes + Line, pinned: true);
        _begin = (int)(-Marshal.UnsafeAddrOfPinnedArrayElement(_memory, 0) & (Line - 1));
    }

    /// <summary>What a piece takes.</summary>
    public static int BytesOf<T>(int count)
        where T : unmanaged => checked(count * Unsafe.SizeOf<T>() + Line - 1) & -Line;

    /// <summary>Takes all pieces back.</summary>
    public void Reset() => _used = 0;

    /// <summary>A piece; what it holds is left over from earlier steps.</summary>
    public Span<T> Take<T>(int count)
        where T : unmanaged
    {
        Span<byte> piece = _memory.AsSpan(_begin + _used, count * Unsafe.SizeOf<T>());
        _used += BytesOf<T>(count);
        return MemoryMarshal.Cast<byte, T>(piece);
    }
}
