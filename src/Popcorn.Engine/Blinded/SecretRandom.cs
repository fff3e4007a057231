using System.Buffers.Binary;
using System.Security.Cryptography;
using Popcorn.Interop;

namespace Popcorn.Engine.Blinded;

/// <summary>
/// Random numbers from the operating system in small pieces, drawn in blocks. Not for several threads at once.
/// </summary>
internal sealed class SecretRandom : IDisposable
{
    private readonly SecretArray<byte> _block = new(4096);
    private int _used;

    public SecretRandom() => _used = _block.Length;

    /// <summary>A uniform word.</summary>
    public ulong Word()
    {
        if (_used == _block.Length)
        {
            RandomNumberGenerator.Fill(_block.Span);
            _used = 0;
        }

        Span<byte> taken = _block.Span.Slice(_used, sizeof(ulong));
        ulong word = BinaryPrimitives.ReadUInt64LittleEndian(taken);
        taken.Clear();
        _used += sizeof(ulong);
        return word;
    }

    /// <summary>A uniform number in [0, limit), by rejection.</summary>
    public UInt128 Below(UInt128 limit)
    {
        int bits = 128 - (int)UInt128.LeadingZeroCount(limit - 1);
        UInt128 mask = bits == 0 ? 0 : UInt128.MaxValue >> (128 - bits);
        UInt128 candidate;
        do
        {
            candidate = (bits > 64 ? (UInt128)Word() << 64 : 0) | Word();
            candidate &= mask;
        }
        while (candidate >= limit);

        return candidate;
    }

    /// <summary>Fills words with a uniform number of some bits.</summary>
    public void Bits(Span<ulong> words, int bits)
    {
        for (int i = 0; i < words.Length; i++)
        {
            int left = bits - 64 * i;
            words[i] = left <= 0 ? 0 : left >= 64 ? Word() : Word() & ((1UL << left) - 1);
        }
    }

    /// <summary>A uniform permutation of 0 … count−1 (Fisher–Yates).</summary>
    /// <returns>The caller's to dispose.</returns>
    public SecretArray<int> Permutation(int count)
    {
        var order = new SecretArray<int>(count);
        for (int i = 0; i < count; i++)
        {
            order[i] = i;
        }

        for (int i = count - 1; i > 0; i--)
        {
            int j = (int)Below((UInt128)i + 1);
            (order[i], order[j]) = (order[j], order[i]);
        }

        return order;
    }

    public void Dispose() => _block.Dispose();
}
