using System.Numerics;
using System.Security.Cryptography;
using Popcorn.Interop.Memory;

namespace Popcorn.Interop.Tests;

/// <summary>Moduli that nobody makes by accident.</summary>
internal static class SmoothModulus
{
    /// <summary>A prime of some bits that is 1 modulo an even number.</summary>
    internal static BigInteger Prime(int bits, BigInteger modulus)
    {
        BigInteger least = BigInteger.One << (bits - 1);
        BigInteger p;
        do
        {
            var random = new BigInteger(RandomNumberGenerator.GetBytes((bits / 8) + 8), isUnsigned: true);
            p = least + (random % least);
            p += 1 - (p % modulus);
        }
        while (p.GetBitLength() != bits || !IsPrime(p));
        return p;
    }

    /// <summary>The public key of any odd n; its base is 4.</summary>
    internal static PaillierPublicKey Key(BigInteger n, string kernel)
    {
        byte[] modulus = n.ToByteArray(isUnsigned: true);
        byte[] h = new byte[modulus.Length];
        LittleEndian.WriteUnsigned(4, h);
        return PaillierPublicKey.Create((int)n.GetBitLength(), modulus, h, TestKeys.Options(kernel));
    }

    internal static bool IsPrime(BigInteger p) =>
        new[] { 3, 5, 7, 11, 13 }.All(small => !(p % small).IsZero)
        && new[] { 2, 3, 5, 7, 11, 13 }.All(b => BigInteger.ModPow(b, p - 1, p).IsOne);

    internal static BigInteger Inverse(BigInteger x, BigInteger modulus)
    {
        BigInteger a = x % modulus, b = modulus, u = 1, v = 0;
        while (!b.IsZero)
        {
            BigInteger quotient = a / b;
            (a, b) = (b, a - (quotient * b));
            (u, v) = (v, u - (quotient * v));
        }

        return a.IsOne ? ((u % modulus) + modulus) % modulus : throw new ArithmeticException("No inverse.");
    }
}
