using System.Buffers.Binary;
using System.Numerics;
using System.Security.Cryptography;

namespace Popcorn.Interop.Tests;

/// <summary>Generation, export and import of keys, and what is refused.</summary>
public sealed class KeyTests
{
    [Theory, ClassData(typeof(KernelData))]
    public void Generated_keys_are_what_the_scheme_asks_for(string kernel)
    {
        PaillierPrivateKey key = TestKeys.Real(kernel);
        (BigInteger p, BigInteger q, BigInteger h) = Parts(key);
        BigInteger n = key.PublicKey.Modulus;
        Assert.Equal(n, p * q);
        Assert.Equal(2048, n.GetBitLength());
        Assert.Equal(1024, p.GetBitLength());
        Assert.Equal(1024, q.GetBitLength());
        Assert.Equal(3, p % 4);
        Assert.Equal(3, q % 4);
        Assert.Equal(2, BigInteger.GreatestCommonDivisor(p - 1, q - 1));
        Assert.True(IsProbablyPrime(p) && IsProbablyPrime(q));
        for (int factor = 3; factor < 1 << 16; factor += 2)
        {
            Assert.False(((p - 1) % factor).IsZero || ((q - 1) % factor).IsZero);
        }

        // -h is a square modulo p and modulo q, h (as -1 is none for p = q = 3 mod 4) is not.
        Assert.Equal(p - 1, BigInteger.ModPow(h, (p - 1) / 2, p));
        Assert.Equal(q - 1, BigInteger.ModPow(h, (q - 1) / 2, q));
        Assert.Equal((2048, 512), (key.PublicKey.Bits, key.PublicKey.CiphertextBytes));
        Assert.Equal(32, key.PublicKey.PlaintextWords);
        Assert.Equal(kernel, key.PublicKey.Kernel);
    }

    [Fact]
    public void The_default_is_the_2048_bit_key_of_the_default_kernel()
    {
        using PaillierPrivateKey key = PaillierPrivateKey.Generate();
        Assert.Equal(2048, key.PublicKey.Bits);
        Assert.Equal(PaillierLibrary.DefaultKernel, key.PublicKey.Kernel);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-2048)]
    [InlineData(1024)]
    [InlineData(2047)]
    [InlineData(8192)]
    public void Sizes_that_are_not_offered_are_refused(int bits) =>
        Assert.Throws<ArgumentOutOfRangeException>(() => PaillierPrivateKey.Generate(bits));

    [Theory, ClassData(typeof(KernelData))]
    public void Keys_survive_export(string kernel)
    {
        PaillierPrivateKey key = TestKeys.Real(kernel);
        using PaillierPrivateKey copy = PaillierPrivateKey.Import(key.Export(), new KeyOptions { Kernel = kernel });
        using PaillierPublicKey publicCopy = PaillierPublicKey.Import(key.PublicKey.Export());
        Assert.Equal(key.Export(), copy.Export());
        Assert.Equal(key.PublicKey.Export(), copy.PublicKey.Export());
        Assert.Equal(key.PublicKey.Export(), publicCopy.Export());
        Assert.Equal(SHA256.HashData(publicCopy.Export()), key.PublicKey.Fingerprint.ToArray());

        using var encryptor = new Encryptor(publicCopy);
        using CiphertextBatch batch = encryptor.Encrypt([-123456789L]);
        using CiphertextBatch received = BatchExtensions.ImportAll(copy.PublicKey, batch.Ciphertexts());
        Assert.Equal([-123456789], copy.Decrypt(received));
    }

    [Theory, ClassData(typeof(KernelData))]
    public void Two_imports_of_a_key_are_one_key(string kernel)
    {
        PaillierPrivateKey key = TestKeys.Small(kernel);
        byte[] exported = key.PublicKey.Export();
        PaillierPublicKey first = PaillierPublicKey.Import(exported, TestKeys.Options(kernel));
        using PaillierPublicKey second = PaillierPublicKey.Import(exported, TestKeys.Options(kernel));
        using PaillierPrivateKey owner = PaillierPrivateKey.Import(key.Export(), TestKeys.Options(kernel));
        PaillierPublicKey other = TestKeys.OfSize(kernel, 512).PublicKey;
        Assert.True(first.Equals(second) && first.Equals((object)owner.PublicKey) && first.Equals(key.PublicKey));
        Assert.Equal(first.GetHashCode(), second.GetHashCode());
        Assert.False(first.Equals(other) || first.Equals(null) || first.Equals("a key"));

        using var encryptor = new Encryptor(first);
        using CiphertextBatch a = encryptor.Encrypt([1L, 2L]);
        using var b = new CiphertextBatch(owner.PublicKey, 2);
        using var theirs = new Encryptor(owner);
        theirs.Encrypt([10L, 20L], b);
        first.Dispose();
        using var sums = new CiphertextBatch(second, 2);
        Evaluator.Add(a, b, sums);
        Assert.Equal([11, 22], key.Decrypt(sums));

        // Disposed is one of the equal keys, not what they share.
        Assert.Throws<ObjectDisposedException>(() => new CiphertextBatch(first, 1));
        Assert.Throws<ObjectDisposedException>(() => new Encryptor(first));
        Evaluator.Add(a, sums, a);
        Assert.Equal([12, 24], owner.Decrypt(a));
    }

    [Fact]
    public void Keys_of_two_kernels_or_kinds_are_two_keys()
    {
        byte[] exported = TestKeys.Small(PaillierLibrary.DefaultKernel).PublicKey.Export();
        PaillierPublicKey[] keys =
            [.. PaillierLibrary.Kernels.Select(kernel => PaillierPublicKey.Import(exported, TestKeys.Options(kernel)))];
        Assert.Equal(keys.Length, keys.Distinct().Count());
        Assert.Single(keys.Select(key => Convert.ToHexString(key.Fingerprint.Span)).Distinct());
    }

    /// <summary>A size that a test was allowed is not allowed to others by that.</summary>
    [Fact]
    public void An_equal_key_is_checked_all_the_same()
    {
        byte[] exported = TestKeys.Small(PaillierLibrary.DefaultKernel).PublicKey.Export();
        Refused(() => PaillierPublicKey.Import(exported));
    }

    [Fact]
    public void The_format_is_the_documented_one()
    {
        PaillierPrivateKey key = TestKeys.Real(PaillierLibrary.DefaultKernel);
        (BigInteger p, BigInteger q, BigInteger h) = Parts(key);
        byte[] exported = key.PublicKey.Export();
        Assert.Equal("PPK1"u8, exported.AsSpan(0, 4));
        Assert.Equal(2048, BinaryPrimitives.ReadInt32LittleEndian(exported.AsSpan(4)));
        Assert.Equal(p * q, new BigInteger(exported.AsSpan(8, 256), isUnsigned: true));
        Assert.Equal(h, new BigInteger(exported.AsSpan(264), isUnsigned: true));
        Assert.Equal("PSK1"u8, key.Export().AsSpan(0, 4));
    }

    [Fact]
    public void Damaged_public_keys_are_refused()
    {
        byte[] good = TestKeys.Real(PaillierLibrary.DefaultKernel).PublicKey.Export();
        AssertRefused([]);
        AssertRefused(good[..7]);
        AssertRefused(good[..^1]);
        AssertRefused([.. good, 0]);
        AssertRefused(With(good, 0, (byte)'X'));
        AssertRefused(With(good, 3, (byte)'2'));
        AssertRefused(With(good, 5, 7));                                             // other bits than the length says
        AssertRefused(With(good, 8, (byte)(good[8] & 0xFE)));                        // even n
        AssertRefused(With(good, 263, (byte)(good[263] & 0x7F)));                    // n one bit short
        AssertRefused([.. good[..264], .. new byte[256]]);                           // h = 0
        AssertRefused([.. good[..264], 1, .. new byte[255]]);                        // h = 1
        AssertRefused([.. good[..264], .. good[8..264]]);                            // h = n
        AssertRefused(TestKeys.Small(PaillierLibrary.DefaultKernel).PublicKey.Export()); // too small without the switch
        AssertRefused([.. "PPK1"u8, 255, 255, 255, 127]);
        AssertRefused([.. "PPK1"u8, 0, 0, 0, 128]);

        static void AssertRefused(byte[] data) => Refused(() => PaillierPublicKey.Import(data));
    }

    [Fact]
    public void Damaged_private_keys_are_refused()
    {
        PaillierPrivateKey key = TestKeys.Real(PaillierLibrary.DefaultKernel);
        byte[] good = key.Export();
        byte[] p = good[8..136];
        byte[] q = good[136..264];
        byte[] h = good[264..];
        AssertRefused([]);
        AssertRefused(good[..^1]);
        AssertRefused([.. good, 0]);
        AssertRefused(key.PublicKey.Export());
        AssertRefused([.. good[..8], .. p, .. p, .. h]);                             // p = q
        AssertRefused([.. good[..8], .. With(p, 0, (byte)(p[0] ^ 1)), .. q, .. h]);  // even p
        AssertRefused([.. good[..8], .. With(p, 0, (byte)(p[0] ^ 2)), .. q, .. h]);  // p = 1 mod 4
        AssertRefused([.. good[..8], .. CompositeNear(p), .. q, .. h]);              // p composite
        AssertRefused([.. good[..8], .. new byte[128], .. q, .. h]);                 // p = 0
        AssertRefused(TestKeys.Small(PaillierLibrary.DefaultKernel).Export());       // too small without the switch

        static void AssertRefused(byte[] data) => Refused(() => PaillierPrivateKey.Import(data));
    }

    [Fact]
    public void Primes_that_share_a_factor_beyond_two_are_refused() =>
        Refused(() => TestKeys.Tiny(PaillierLibrary.DefaultKernel, 19, 31));

    [Fact]
    public void An_unknown_kernel_is_refused_by_name()
    {
        PaillierException exception = Assert.Throws<PaillierException>(
            () => PaillierPrivateKey.Generate(2048, new KeyOptions { Kernel = "abacus" }));
        Assert.Equal(PaillierError.Unsupported, exception.Error);
        Assert.Contains("abacus", exception.Message, StringComparison.Ordinal);
    }

    private static void Refused(Action action)
    {
        PaillierException exception = Assert.Throws<PaillierException>(action);
        Assert.Equal(PaillierError.Key, exception.Error);
        Assert.DoesNotContain('\n', exception.Message);
    }

    private static byte[] With(byte[] data, int index, byte value)
    {
        byte[] copy = [.. data];
        copy[index] = value;
        return copy;
    }

    private static (BigInteger P, BigInteger Q, BigInteger H) Parts(PaillierPrivateKey key)
    {
        byte[] exported = key.Export();
        int primeBytes = key.PublicKey.Bits / 16;
        return (
            new BigInteger(exported.AsSpan(8, primeBytes), isUnsigned: true),
            new BigInteger(exported.AsSpan(8 + primeBytes, primeBytes), isUnsigned: true),
            new BigInteger(exported.AsSpan(8 + (2 * primeBytes)), isUnsigned: true));
    }

    /// <summary>A number that differs from a prime in one bit and is none; one in some hundreds is.</summary>
    private static byte[] CompositeNear(byte[] prime) => Enumerable.Range(5, 20)
        .Select(index => With(prime, index, (byte)(prime[index] ^ 4)))
        .First(number => !IsProbablyPrime(new BigInteger(number, isUnsigned: true)));

    private static bool IsProbablyPrime(BigInteger p) =>
        new[] { 2, 3, 5, 7, 11, 13, 17 }.All(witness => BigInteger.ModPow(witness, p - 1, p).IsOne);
}
