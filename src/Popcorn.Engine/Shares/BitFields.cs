using System.Runtime.InteropServices;

namespace Popcorn.Engine.Shares;

/// <summary>
/// Numbers of some bits each, one after the other, in little-endian words. Time and addresses depend on lengths alone.
/// </summary>
internal static class BitFields
{
    private const int WordBits = 64;

    /// <summary>Words that so many bits take.</summary>
    public static int WordsFor(long bits) => checked((int)((bits + WordBits - 1) / WordBits));

    /// <summary>Bytes that some numbers take.</summary>
    public static int BytesFor(int count, int bits) => checked((int)((((long)count * bits) + 7) / 8));

    /// <summary>Adds a number into bits that are zero.</summary>
    /// <param name="words">All words.</param>
    /// <param name="first">The lowest of the bits.</param>
    /// <param name="bits">How many, up to 64.</param>
    /// <param name="value">The number, of which so many bits count.</param>
    public static void Write(Span<ulong> words, long first, int bits, ulong value)
    {
        value &= ulong.MaxValue >> (WordBits - bits);
        (int word, int shift) = ((int)(first / WordBits), (int)(first % WordBits));
        words[word] |= value << shift;
        if (shift + bits > WordBits)
        {
            words[word + 1] |= value >> (WordBits - shift);
        }
    }

    /// <summary>Reads a number.</summary>
    /// <param name="words">All words.</param>
    /// <param name="first">The lowest of its bits.</param>
    /// <param name="bits">How many, up to 64.</param>
    public static ulong Read(ReadOnlySpan<ulong> words, long first, int bits)
    {
        (int word, int shift) = ((int)(first / WordBits), (int)(first % WordBits));
        ulong value = words[word] >> shift;
        if (shift + bits > WordBits)
        {
            value |= words[word + 1] << (WordBits - shift);
        }

        return value & (ulong.MaxValue >> (WordBits - bits));
    }

    /// <summary>Some numbers as a message.</summary>
    /// <param name="values">The numbers, of which the lowest bits count.</param>
    /// <param name="bits">Bits of each.</param>
    public static byte[] ToBytes(ReadOnlySpan<ulong> values, int bits)
    {
        var words = new ulong[WordsFor((long)values.Length * bits)];
        for (int i = 0; i < values.Length; i++)
        {
            Write(words, (long)i * bits, bits, values[i]);
        }

        return MemoryMarshal.AsBytes(words.AsSpan())[..BytesFor(values.Length, bits)].ToArray();
    }

    /// <summary>Numbers out of a message of the right length.</summary>
    /// <param name="bytes">The message.</param>
    /// <param name="bits">Bits of each.</param>
    /// <param name="values">Filled.</param>
    public static void FromBytes(ReadOnlySpan<byte> bytes, int bits, Span<ulong> values)
    {
        var words = new ulong[WordsFor((long)values.Length * bits)];
        bytes.CopyTo(MemoryMarshal.AsBytes(words.AsSpan()));
        for (int i = 0; i < values.Length; i++)
        {
            values[i] = Read(words, (long)i * bits, bits);
        }
    }
}
