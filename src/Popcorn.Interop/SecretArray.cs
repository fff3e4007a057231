using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Popcorn.Interop.Memory;

namespace Popcorn.Interop;

/// <summary>
/// Numbers that must not outlive their use: outside the collector's heap, which leaves copies behind when it moves
/// things, and wiped when disposed or finalized. Whoever makes one disposes it.
/// </summary>
/// <typeparam name="T">Numbers, or structures of numbers.</typeparam>
public sealed unsafe class SecretArray<T> : IDisposable
    where T : unmanaged
{
    private T* _items;
    private long _kept; // the memory's bytes, where it goes to the next; 0: it is freed

    /// <summary>Zeros.</summary>
    /// <param name="length">How many.</param>
    public SecretArray(int length)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        Allocate(length);
    }

    /// <summary>Wipes what nobody disposed.</summary>
    ~SecretArray() => Release();

    /// <summary>How many numbers.</summary>
    public int Length { get; private set; }

    /// <summary>The numbers. Not to be used once this is disposed, nor where nothing else keeps it alive.</summary>
    public Span<T> Span => new(_items, Length);

    /// <summary>One number.</summary>
    /// <param name="index">Which, from 0.</param>
    public ref T this[int index] => ref Span[index];

    /// <summary>The first numbers, for one that is used again and again; growing forgets the contents.</summary>
    internal Span<T> Take(int length)
    {
        if (Length < length)
        {
            Release();
            Allocate(length);
        }

        return Span[..length];
    }

    /// <summary>Zeros again.</summary>
    internal void Wipe() => CryptographicOperations.ZeroMemory(MemoryMarshal.AsBytes(Span));

    /// <summary>Wipes and frees.</summary>
    public void Dispose()
    {
        Release();
        GC.SuppressFinalize(this);
    }

    private void Allocate(int length)
    {
        _items = (T*)SecretMemory.Allocate(Math.Max(1, length) * (long)sizeof(T), out _kept);
        Length = length;
    }

    private void Release()
    {
        Wipe();
        SecretMemory.Release((nint)_items, _kept);
        _items = null;
        Length = 0;
    }
}
