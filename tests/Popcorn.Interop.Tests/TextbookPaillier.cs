using System.Numerics;
using System.Security.Cryptography;

namespace Popcorn.Interop.Tests;

/// <summary>
/// Paillier as his paper has it (g = 1 + n, λ = lcm(p - 1, q - 1)), by plain big integers: the oracle that the native
/// library is held against.
/// </summary>
internal sealed class TextbookPaillier
{
    private readonly BigInteger _lambda;
    private readonly BigInteger _mu;

    internal TextbookPaillier(PaillierPrivateKey key)
    {
        byte[] exported = key.Export();
        int primeBytes = KeyFormat.PrimeBytesOf(key.PublicKey.Bits);
        BigInteger p = new(exported.AsSpan(8, primeBytes), isUnsigned: true);
        BigInteger q = new(exported.AsSpan(8 + primeBytes, primeBytes), isUnsigned: true);
        N = p * q;
        Square = N * N;
        _lambda = (p - 1) * (q - 1) / BigInteger.GreatestCommonDivisor(p - 1, q - 1);
        _mu = Inverse(_lambda % N, N);
    }

    internal BigInteger N { get; }

    internal BigInteger Square { get; }

    internal BigInteger Encrypt(BigInteger m, BigInteger r) =>
        BigInteger.ModPow(N + 1, Residue(m), Square) * BigInteger.ModPow(r, N, Square) % Square;

    internal BigInteger Decrypt(BigInteger c) => (BigInteger.ModPow(c, _lambda, Square) - 1) / N * _mu % N;

    internal BigInteger DecryptSigned(BigInteger c) => Centre(Decrypt(c));

    /// <summary>A unit modulo n, for the r of an encryption.</summary>
    internal BigInteger RandomUnit()
    {
        BigInteger r;
        do
        {
            r = new BigInteger(RandomNumberGenerator.GetBytes(N.GetByteCount() + 8), isUnsigned: true) % N;
        }
        while (!BigInteger.GreatestCommonDivisor(r, N).IsOne);
        return r;
    }

    internal BigInteger Residue(BigInteger m) => ((m % N) + N) % N;

    /// <summary>The representative of a residue in (-n/2, n/2).</summary>
    internal BigInteger Centre(BigInteger m)
    {
        BigInteger residue = Residue(m);
        return residue > N / 2 ? residue - N : residue;
    }

    internal static BigInteger Inverse(BigInteger value, BigInteger modulus)
    {
        (BigInteger a, BigInteger b) = (modulus, value);
        (BigInteger x, BigInteger y) = (0, 1);
        while (!b.IsZero)
        {
            BigInteger quotient = a / b;
            (a, b) = (b, a - (quotient * b));
            (x, y) = (y, x - (quotient * y));
        }

        return ((x % modulus) + modulus) % modulus;
    }
}
