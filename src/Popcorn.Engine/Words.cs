using System.Numerics;
using System.Runtime.InteropServices;

namespace Popcorn.Engine;

/// <summary>
/// Integers as little-endian 64-bit words, the form in which plaintexts and exponents cross into the native library.
/// Little-endian hosts only, as the native library checks when it is built.
/// </summary>
internal static class Words
{
    /// <summary>Words that hold an unsigned number of some bits.</summary>
    public static int For(int bits) => (bits + 63) / 64;

    /// <summary>Words that hold any of the numbers in two's complement.</summary>
    public static int CountFor(ReadOnlySpan<BigInteger> values)
    {
        long bits = 1;
        foreach (BigInteger value in values)
        {
            bits = Math.Max(bits, value.GetBitLength() + 1);
        }

        return For((int)bits);
    }

    /// <summary>Writes a number in two's complement, sign-extended over all of <paramref name="words"/>.</summary>
    public static void Write(BigInteger value, Span<ulong> words)
    {
        words.Fill(value.Sign < 0 ? ulong.MaxValue : 0);
        if (!value.TryWriteBytes(MemoryMarshal.AsBytes(words), out _))
        {
            throw new ArgumentException($"The number needs more than {words.Length} words.", nameof(value));
        }
    }

    /// <summary>The number that words hold, unsigned.</summary>
    public static BigInteger Read(ReadOnlySpan<ulong> words) => new(MemoryMarshal.AsBytes(words), isUnsigned: true);

    /// <summary>target += value · 2^shift; the sum must fit.</summary>
    public static void AddShifted(Span<ulong> target, ReadOnlySpan<ulong> value, int shift)
    {
        value = Trimmed(value);
        int offset = shift / 64;
        int bits = shift % 64;
        UInt128 carry = 0;
        ulong spill = 0;
        for (int i = offset; i < target.Length; i++)
        {
            int from = i - offset;
            ulong word = from < value.Length ? value[from] : 0;
            carry += target[i];
            carry += bits == 0 ? word : word << bits | spill;
            spill = bits == 0 ? 0 : word >> (64 - bits);
            target[i] = (ulong)carry;
            carry >>= 64;
            if (from >= value.Length && carry == 0)
            {
                return;
            }
        }

        if (carry != 0 || spill != 0 || target.Length - offset < value.Length)
        {
            throw new ArgumentException("The sum does not fit.", nameof(target));
        }
    }

    /// <summary>target −= value; the difference must not be negative.</summary>
    public static void Subtract(Span<ulong> target, ReadOnlySpan<ulong> value)
    {
        value = Trimmed(value);
        bool borrow = false;
        for (int i = 0; i < target.Length && (borrow || i < value.Length); i++)
        {
            UInt128 less = (UInt128)Word(value, i) + (borrow ? 1UL : 0);
            borrow = target[i] < less;
            target[i] -= (ulong)less;
        }

        if (borrow || value.Length > target.Length)
        {
            throw new ArgumentException("The difference is negative.", nameof(value));
        }
    }

    /// <summary>value = −value in two's complement; 0 stays 0.</summary>
    public static void Negate(Span<ulong> value)
    {
        ulong carry = 1;
        foreach (ref ulong word in value)
        {
            word = ~word + carry;
            carry &= word == 0 ? 1UL : 0;
        }
    }

    /// <summary>result = value · factor; the product must fit.</summary>
    public static void Multiply(ReadOnlySpan<ulong> value, ulong factor, Span<ulong> result)
    {
        UInt128 carry = 0;
        for (int i = 0; i < result.Length; i++)
        {
            carry += (UInt128)Word(value, i) * factor;
            result[i] = (ulong)carry;
            carry >>= 64;
        }

        if (carry != 0 || factor != 0 && Trimmed(value).Length > result.Length)
        {
            throw new ArgumentException("The product does not fit.", nameof(result));
        }
    }

    /// <summary>result = bits [shift, shift + count) of source, zero-extended.</summary>
    public static void Extract(ReadOnlySpan<ulong> source, int shift, int count, Span<ulong> result)
    {
        for (int i = 0; i < result.Length; i++)
        {
            int at = shift + 64 * i;
            int left = count - 64 * i;
            ulong word = 0;
            if (left > 0)
            {
                word = Word(source, at / 64) >> (at % 64);
                if (at % 64 != 0)
                {
                    word |= Word(source, at / 64 + 1) << (64 - at % 64);
                }

                word &= left >= 64 ? ulong.MaxValue : (1UL << left) - 1;
            }

            result[i] = word;
        }
    }

    /// <summary>One bit of a number, 0 or 1.</summary>
    public static ulong Bit(ReadOnlySpan<ulong> source, int position) =>
        Word(source, position / 64) >> (position % 64) & 1;

    /// <summary>result = value², in time that depends on the lengths alone; the square must fit.</summary>
    public static void Square(ReadOnlySpan<ulong> value, Span<ulong> result)
    {
        result.Clear();
        for (int i = 0; i < value.Length; i++)
        {
            UInt128 carry = 0;
            for (int j = 0; i + j < result.Length; j++)
            {
                carry += result[i + j];
                if (j < value.Length)
                {
                    carry += (UInt128)value[i] * value[j];
                }

                result[i + j] = (ulong)carry;
                carry >>= 64;
            }
        }
    }

    private static ReadOnlySpan<ulong> Trimmed(ReadOnlySpan<ulong> value) =>
        value[..(value.LastIndexOfAnyExcept(0UL) + 1)];

    private static ulong Word(ReadOnlySpan<ulong> source, int index) => index < source.Length ? source[index] : 0;
}
