using System.Numerics;

namespace Popcorn.Interop.Memory;

/// <summary>Big numbers as little-endian bytes and words, the form that crosses the native boundary.</summary>
internal static class LittleEndian
{
    /// <summary>Writes a number from 0 to the capacity of <paramref name="target"/>, zero-extended.</summary>
    internal static void WriteUnsigned(BigInteger value, Span<byte> target)
    {
        if (!value.TryWriteBytes(target, out int written, isUnsigned: true))
        {
            throw new ArgumentOutOfRangeException(nameof(value), $"The number does not fit in {target.Length} bytes.");
        }

        target[written..].Clear();
    }

    /// <summary>Writes a number in two's complement, sign-extended.</summary>
    internal static void WriteSigned(BigInteger value, Span<byte> target)
    {
        if (!value.TryWriteBytes(target, out int written))
        {
            throw new ArgumentOutOfRangeException(nameof(value), $"The number does not fit in {target.Length} bytes.");
        }

        target[written..].Fill(value.Sign < 0 ? (byte)0xFF : (byte)0);
    }

    internal static BigInteger ReadUnsigned(ReadOnlySpan<byte> source) => new(source, isUnsigned: true);

    /// <summary>
    /// The product of two secrets into <paramref name="product"/>, whose length is the sum of theirs. By hand, because
    /// BigInteger would leave copies on the heap that nobody can wipe.
    /// </summary>
    internal static void Multiply(ReadOnlySpan<byte> left, ReadOnlySpan<byte> right, Span<byte> product)
    {
        product.Clear();
        for (int i = 0; i < left.Length; i++)
        {
            int carry = 0;
            for (int j = 0; j < right.Length; j++)
            {
                int sum = product[i + j] + (left[i] * right[j]) + carry;
                product[i + j] = (byte)sum;
                carry = sum >> 8;
            }

            product[i + right.Length] = (byte)carry;
        }
    }
}
