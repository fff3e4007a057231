using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Popcorn.Interop.Memory;

namespace Popcorn.Interop;

/// <summary>Plaintexts as the native library takes them, in memory that is wiped when this is disposed.</summary>
internal readonly ref struct SignedNumbers : IDisposable
{
    private readonly SecretArray<byte> _buffer;
    private readonly Span<byte> _bytes;

    /// <summary>Makes place for numbers below n in magnitude.</summary>
    internal SignedNumbers(int count, PaillierPublicKey key)
        : this(count, key.PlaintextWords + 1) // one word more than a plaintext: its sign
    {
    }

    /// <summary>Makes place for negated 64-bit numbers.</summary>
    internal SignedNumbers(int count)
        : this(count, Unsafe.SizeOf<Int128>() / sizeof(ulong)) // 2⁶³ needs more than 64 bits
    {
    }

    private SignedNumbers(int count, int wordsEach)
    {
        WordsEach = wordsEach;
        _buffer = SecretArrayPool.Rent();
        _bytes = _buffer.Take(checked(count * BytesEach));
    }

    internal int WordsEach { get; }

    internal ReadOnlySpan<ulong> Words => MemoryMarshal.Cast<byte, ulong>(_bytes);

    private int BytesEach => WordsEach * sizeof(ulong);

    internal void Write(ReadOnlySpan<BigInteger> values, bool negate = false)
    {
        for (int i = 0; i < values.Length; i++)
        {
            LittleEndian.WriteSigned(negate ? -values[i] : values[i], _bytes.Slice(i * BytesEach, BytesEach));
        }
    }

    internal void WriteNegated(ReadOnlySpan<long> values)
    {
        for (int i = 0; i < values.Length; i++)
        {
            BinaryPrimitives.WriteInt128LittleEndian(_bytes[(i * BytesEach)..], -(Int128)values[i]);
        }
    }

    public void Dispose() => SecretArrayPool.Return(_buffer);
}
