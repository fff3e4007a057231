using System.Numerics;
using Popcorn.Interop.Memory;

namespace Popcorn.Interop.Tests;

/// <summary>The proof that gcd(n, φ(n)) = 1: it convinces of honest keys and of no others.</summary>
public sealed class ModulusProofTests
{
    [Theory, ClassData(typeof(KernelData))]
    public void Honest_keys_pass(string kernel)
    {
        foreach (PaillierPrivateKey key in new[] { TestKeys.Small(kernel), TestKeys.Real(kernel) })
        {
            byte[] proof = key.ProveModulus();
            Assert.Equal(8 * key.PublicKey.CiphertextBytes / 2, proof.Length);
            Assert.True(key.PublicKey.VerifyModulus(proof));
            Assert.Equal(proof, key.ProveModulus());
            Assert.NotSame(proof, key.ProveModulus());
        }
    }

    [Fact]
    public void All_kernels_make_the_same_proof()
    {
        byte[] key = TestKeys.Small(PaillierLibrary.DefaultKernel).Export();
        byte[] expected = TestKeys.Small(PaillierLibrary.DefaultKernel).ProveModulus();
        foreach (string kernel in PaillierLibrary.Kernels)
        {
            using PaillierPrivateKey copy = PaillierPrivateKey.Import(key, TestKeys.Options(kernel));
            Assert.Equal(expected, copy.ProveModulus());
        }
    }

    [Theory, ClassData(typeof(KernelData))]
    public void Keys_whose_primes_have_small_factors_in_their_orders_pass(string kernel)
    {
        // Made by other programs, or before small factors were kept out.
        BigInteger p, q;
        do
        {
            p = PrimeOfKey(3 * 7 * 11);
            q = PrimeOfKey(5 * 13);
        }
        while (BigInteger.GreatestCommonDivisor(p - 1, q - 1) != 2);
        using PaillierPrivateKey key = PaillierPrivateKey.Create(
            (int)(p * q).GetBitLength(), [.. p.ToByteArray(isUnsigned: true), .. q.ToByteArray(isUnsigned: true)],
            default, TestKeys.Options(kernel));
        Assert.True(key.PublicKey.VerifyModulus(key.ProveModulus()));

        static BigInteger PrimeOfKey(int factor)
        {
            BigInteger prime;
            do
            {
                prime = SmoothModulus.Prime(256, 2 * factor);
            }
            while (prime % 4 != 3);
            return prime;
        }
    }

    [Theory, ClassData(typeof(KernelData))]
    public void Tampered_and_cut_proofs_are_refused(string kernel)
    {
        PaillierPrivateKey key = TestKeys.Small(kernel);
        int each = key.PublicKey.CiphertextBytes / 2;
        byte[] proof = key.ProveModulus();
        for (int i = 0; i < proof.Length; i += each - 1)
        {
            byte[] tampered = [.. proof];
            tampered[i] ^= 1;
            Assert.False(key.PublicKey.VerifyModulus(tampered));
        }

        Assert.False(key.PublicKey.VerifyModulus([]));
        Assert.False(key.PublicKey.VerifyModulus(proof.AsSpan(0, proof.Length - 1)));
        Assert.False(key.PublicKey.VerifyModulus(proof.AsSpan(0, proof.Length - each)));
        Assert.False(key.PublicKey.VerifyModulus([.. proof, 0]));
        Assert.False(key.PublicKey.VerifyModulus(new byte[proof.Length]));
        byte[] beyond = [.. proof];
        beyond.AsSpan(0, each).Fill(0xff);
        Assert.False(key.PublicKey.VerifyModulus(beyond));

        // Of the same size, and of another key.
        using PaillierPrivateKey other = PaillierPrivateKey.Generate(key.PublicKey.Bits, TestKeys.Options(kernel));
        Assert.False(key.PublicKey.VerifyModulus(other.ProveModulus()));
    }

    /// <summary>p divides q − 1: no number but one in p has a root modulo q.</summary>
    [Theory, ClassData(typeof(KernelData))]
    public void A_modulus_that_shares_a_factor_with_its_order_is_refused(string kernel)
    {
        BigInteger p = SmoothModulus.Prime(120, 2), q = 1;
        for (int k = 1; !SmoothModulus.IsPrime(q); k++)
        {
            q = (2 * k * p) + 1;
        }

        BigInteger rootP = SmoothModulus.Inverse(q, p - 1), rootQ = SmoothModulus.Inverse(p, (q - 1) / p);
        using PaillierPublicKey key = SmoothModulus.Key(p * q, kernel);
        Assert.False(key.VerifyModulus(Roots(key, p, rootP, q, rootQ)));
    }

    /// <summary>n = p²·q: p divides the order of the units modulo p².</summary>
    [Theory, ClassData(typeof(KernelData))]
    public void A_modulus_with_a_square_is_refused(string kernel)
    {
        BigInteger p = SmoothModulus.Prime(120, 2), q = SmoothModulus.Prime(128, 2), n = p * p * q;
        BigInteger rootP = SmoothModulus.Inverse(n, p - 1), rootQ = SmoothModulus.Inverse(n, q - 1);
        using PaillierPublicKey key = SmoothModulus.Key(n, kernel);
        Assert.False(key.VerifyModulus(Roots(key, p * p, rootP, q, rootQ)));
    }

    /// <summary>All roots are right, but with 3 as a factor they would show nothing.</summary>
    [Theory]
    [InlineData(3)]
    [InlineData(257)]
    [InlineData(65521)]
    public void A_modulus_with_a_small_factor_is_refused(int factor)
    {
        string kernel = PaillierLibrary.DefaultKernel;
        Assert.False(Proves(factor, kernel));
        Assert.True(Proves(65537, kernel));

        static bool Proves(int p, string kernel)
        {
            BigInteger q;
            do
            {
                q = SmoothModulus.Prime(200, 2);
            }
            while (((q - 1) % p).IsZero || !BigInteger.GreatestCommonDivisor(q, p - 1).IsOne);
            BigInteger rootP = SmoothModulus.Inverse(q, p - 1), rootQ = SmoothModulus.Inverse(p, q - 1);
            using PaillierPublicKey key = SmoothModulus.Key(p * q, kernel);
            return key.VerifyModulus(Roots(key, p, rootP, q, rootQ));
        }
    }

    [Fact]
    public void A_disposed_key_proves_nothing_new()
    {
        PaillierPrivateKey key = PaillierPrivateKey.Generate(256, new KeyOptions { AllowInsecureSize = true });
        key.Dispose();
        Assert.Throws<ObjectDisposedException>(key.ProveModulus);
        key.PublicKey.Dispose();
    }

    /// <summary>The best that is to be had from n = a·b: powers that are roots if there are any.</summary>
    private static byte[] Roots(PaillierPublicKey key, BigInteger a, BigInteger rootA, BigInteger b, BigInteger rootB)
    {
        byte[] numbers = ModulusProof.Numbers(key.ModulusBytes);
        int each = numbers.Length / ModulusProof.Roots;
        byte[] roots = new byte[numbers.Length];
        for (int i = 0; i < ModulusProof.Roots; i++)
        {
            var x = new BigInteger(numbers.AsSpan(i * each, each), isUnsigned: true);
            BigInteger inA = BigInteger.ModPow(x, rootA, a), inB = BigInteger.ModPow(x, rootB, b);
            BigInteger steps = ((inA - inB) * SmoothModulus.Inverse(b, a) % a + a) % a;
            LittleEndian.WriteUnsigned(inB + (b * steps), roots.AsSpan(i * each, each));
        }

        return roots;
    }
}
