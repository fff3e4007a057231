using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace Popcorn.ObliviousTransfer.Bits;

/// <summary>
/// Numbers that must not outlive their use: where the collector does not move them (which would leave copies), and
/// wiped when disposed. They begin at a multiple of 64 bytes. Nothing wipes what nobody disposes: a finalizer might run
/// while the last reader of a span is at work, who would read zeros and not notice.
/// </summary>
/// <typeparam name="T">Numbers, or structures of numbers.</typeparam>
internal sealed class SecretArray<T> : IDisposable
    where T : unmanaged
{
    private const int Alignment = 64;

    private readonly byte[] _bytes;
    private readonly int _start;

    /// <summary>Zeros.</summary>
    /// <param name="length">How many.</param>
    public SecretArray(int length)
    {
        Length = length;
        int bytes = checked(length * Unsafe.SizeOf<T>());
        _bytes = GC.AllocateArray<byte>(checked(bytes + Alignment), pinned: true);
        _start = (int)(-Marshal.UnsafeAddrOfPinnedArrayElement(_bytes, 0) & (Alignment - 1));
    }

    /// <summary>How many.</summary>
    public int Length { get; }

    /// <summary>The numbers.</summary>
    public Span<T> Span => MemoryMarshal.Cast<byte, T>(_bytes.AsSpan(_start))[..Length];

    /// <summary>One of them.</summary>
    /// <param name="index">Which, from 0.</param>
    public ref T this[int index] => ref Span[index];

    /// <summary>Zeros again.</summary>
    public void Wipe() => CryptographicOperations.ZeroMemory(_bytes);

    /// <summary>Wipes.</summary>
    public void Dispose() => Wipe();
}
