using System.Buffers.Binary;
using System.Numerics;
using System.Security.Cryptography;
using Popcorn.Interop.Memory;

namespace Popcorn.Interop;

/// <summary>
/// The proof that gcd(n, φ(n)) = 1: n-th roots of numbers that follow from n by a hash (Goldberg, Reyzin, Sagga and
/// Baldimtsi, 2019). Where the gcd is not 1 a prime of 2¹⁶ or more divides it, if n has no smaller factor, and no more
/// than one number in 2¹⁶ has a root.
/// </summary>
internal static class ModulusProof
{
    /// <summary>Roots: a false proof takes 2^(16·8) = 2¹²⁸ tries.</summary>
    internal const int Roots = 8;

    // A number is drawn this much wider than n, so that its reduction modulo n is uniform.
    private const int ExtraBytes = 16;

    private static ReadOnlySpan<byte> Domain => "Popcorn modulus proof 1"u8;

    /// <summary>The numbers whose roots are due, little-endian, as many bytes as n each.</summary>
    internal static byte[] Numbers(ReadOnlySpan<byte> n)
    {
        BigInteger modulus = LittleEndian.ReadUnsigned(n);
        byte[] numbers = new byte[checked(Roots * n.Length)];
        byte[] wide = new byte[n.Length + ExtraBytes];
        for (int i = 0; i < Roots; i++)
        {
            Expand(n, i, wide);
            LittleEndian.WriteUnsigned(
                LittleEndian.ReadUnsigned(wide) % modulus, numbers.AsSpan(i * n.Length, n.Length));
        }

        return numbers;
    }

    /// <summary>SHA-256 of the domain, n, the index and a counter, again and again.</summary>
    private static void Expand(ReadOnlySpan<byte> n, int index, Span<byte> target)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Span<byte> block = stackalloc byte[SHA256.HashSizeInBytes];
        Span<byte> place = stackalloc byte[2 * sizeof(int)];
        BinaryPrimitives.WriteInt32LittleEndian(place, index);
        for (int counter = 0; !target.IsEmpty; counter++)
        {
            BinaryPrimitives.WriteInt32LittleEndian(place[sizeof(int)..], counter);
            hash.AppendData(Domain);
            hash.AppendData(n);
            hash.AppendData(place);
            hash.GetHashAndReset(block);
            int count = Math.Min(block.Length, target.Length);
            block[..count].CopyTo(target);
            target = target[count..];
        }
    }
}
