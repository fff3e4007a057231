using System.Numerics;
using System.Security.Cryptography;

namespace Popcorn.Interop.Tests;

/// <summary>That a re-randomised ciphertext shows nothing of the one before, to the owner of the factors too.</summary>
public sealed class RerandomizerTests
{
    [Theory, ClassData(typeof(KernelData))]
    public void Plaintexts_stay_and_ciphertexts_change(string kernel)
    {
        PaillierPrivateKey key = TestKeys.Small(kernel);
        BigInteger[] values = [.. Enumerable.Range(-20, 41).Select(value => (BigInteger)value)];
        using var encryptor = new Encryptor(key);
        using CiphertextBatch batch = encryptor.Encrypt(values);
        using CiphertextBatch same = BatchExtensions.ImportAll(key.PublicKey, batch.Ciphertexts());
        HashSet<BigInteger> seen = [.. batch.Ciphertexts()];
        foreach (int window in new[] { 1, 5, 8 })
        {
            using var rerandomizer = new Rerandomizer(key.PublicKey, window);
            rerandomizer.Rerandomize(batch, 0, batch.Count);
            rerandomizer.Rerandomize(same, 0, same.Count);
            Assert.All(batch.Ciphertexts(), c => Assert.True(seen.Add(c)));
            Assert.All(same.Ciphertexts(), c => Assert.True(seen.Add(c)));
            Assert.Equal(values, key.Decrypt(batch));
            Assert.Equal(values, key.Decrypt(same));
        }
    }

    [Theory, ClassData(typeof(KernelData))]
    public void Windows_trade_memory(string kernel)
    {
        PaillierPublicKey key = TestKeys.Small(kernel).PublicKey;
        using var narrow = new Rerandomizer(key, 2);
        using var wide = new Rerandomizer(key);
        Assert.True(0 < narrow.TableBytes && narrow.TableBytes < wide.TableBytes);
        Assert.Throws<ArgumentOutOfRangeException>(() => new Rerandomizer(key, 0));
        Assert.Equal(PaillierError.Range, Assert.Throws<PaillierException>(() => new Rerandomizer(key, 13)).Error);
    }

    [Fact]
    public void Keys_with_a_small_prime_factor_are_refused()
    {
        BigInteger n = 65521 * SmoothModulus.Prime(300, 2);
        using PaillierPublicKey key = SmoothModulus.Key(n, PaillierLibrary.DefaultKernel);
        Assert.Equal(PaillierError.Key, Assert.Throws<PaillierException>(() => new Rerandomizer(key)).Error);
    }

    [Theory]
    [InlineData(2048, 8, 272)]
    [InlineData(3072, 8, 400)]
    [InlineData(4096, 8, 528)]
    [InlineData(2048, 1, 2176)]
    [InlineData(2048, 12, 256)]
    [InlineData(512, 8, 160)]
    public void Bases_are_as_many_as_documented(int keyBits, int windowBits, int expected) =>
        Assert.Equal(expected, Rerandomizer.Rows(keyBits, windowBits));

    /// <summary>The sum of docs/PROTOCOL.md for as many prime factors as n can have: at most about 2⁻¹²⁷.</summary>
    [Fact]
    public void The_distance_from_uniform_is_as_documented()
    {
        for (int keyBits = 128; keyBits <= 4096; keyBits += 64)
        {
            for (int windowBits = 1; windowBits <= 12; windowBits++)
            {
                double rows = Rerandomizer.Rows(keyBits, windowBits);
                double sum = Math.Pow(2, keyBits - (rows * windowBits));
                for (int m = 2; m < 1 << windowBits; m++)
                {
                    double collision = Collision(m, 1 << windowBits);
                    sum += Math.Pow(2, (keyBits / 16 * Math.Log2(m)) + (rows * Math.Log2(collision)));
                }

                Assert.InRange(sum, 0, Math.Pow(2, -126.99));
            }
        }
    }

    /// <summary>The identity behind it, over all bases of small groups Z_a × Z_b.</summary>
    [Theory]
    [InlineData(6, 1, 4)]
    [InlineData(3, 3, 2)]
    [InlineData(3, 3, 4)]
    [InlineData(5, 2, 4)]
    [InlineData(4, 6, 8)]
    [InlineData(7, 1, 16)]
    public void The_expected_distance_is_the_sum_over_characters(int a, int b, int digits)
    {
        int size = a * b;
        double found = 0, expected = 0;
        for (int first = 0; first < size; first++)
        {
            for (int second = 0; second < size; second++)
            {
                int[] counts = new int[size];
                for (int d = 0; d < digits; d++)
                {
                    for (int e = 0; e < digits; e++)
                    {
                        int x = ((d * (first / b)) + (e * (second / b))) % a;
                        int y = ((d * (first % b)) + (e * (second % b))) % b;
                        counts[(x * b) + y]++;
                    }
                }

                found += counts.Sum(c => Math.Pow((c / (double)(digits * digits)) - (1.0 / size), 2)) / size;
            }
        }

        for (int character = 1; character < size; character++)
        {
            int left = a / (int)BigInteger.GreatestCommonDivisor(a, character / b);
            int right = b / (int)BigInteger.GreatestCommonDivisor(b, character % b);
            int order = left * right / (int)BigInteger.GreatestCommonDivisor(left, right);
            expected += Math.Pow(Collision(order, digits), 2);
        }

        Assert.Equal(expected, found, 1e-9);
    }

    /// <summary>
    /// The owner of a key with 3, 5 and 7 in both p − 1 and q − 1, and a long common factor beside them, sees for each
    /// ℓ of these to which of ℓ² classes a ciphertext belongs. They come up equally often, whatever was re-randomised:
    /// a χ² test with a chance of 10⁻¹¹ to fail though all is right, six times for each kernel. Powers of one base
    /// would come up in ℓ classes.
    /// </summary>
    [Theory, ClassData(typeof(KernelData))]
    public void Characters_of_small_order_see_nothing(string kernel)
    {
        const int Samples = 2000;
        const int Small = 3 * 5 * 7;
        BigInteger common = 2 * Small * SmoothModulus.Prime(100, 2);
        BigInteger p = SmoothModulus.Prime(256, common), q = SmoothModulus.Prime(256, common);
        BigInteger n = p * q;
        using PaillierPublicKey key = SmoothModulus.Key(n, kernel);
        using var rerandomizer = new Rerandomizer(key);
        BigInteger residue = BigInteger.ModPow(
            new BigInteger(RandomNumberGenerator.GetBytes(60), isUnsigned: true), n, n * n);
        foreach (BigInteger ciphertext in new[] { BigInteger.One, (1 + (5 * n)) * residue % (n * n) })
        {
            using CiphertextBatch batch = BatchExtensions.ImportAll(
                key, [.. Enumerable.Repeat(ciphertext, Samples)]);
            rerandomizer.Rerandomize(batch, 0, Samples);
            (BigInteger P, BigInteger Q)[] parts = [.. batch.Ciphertexts().Select(c => (
                BigInteger.ModPow(c, (p - 1) / Small, p), BigInteger.ModPow(c, (q - 1) / Small, q)))];
            foreach (int order in new[] { 3, 5, 7 })
            {
                Dictionary<BigInteger, int> left = Logarithms(p, order), right = Logarithms(q, order);
                int[] counts = new int[order * order];
                foreach ((BigInteger inP, BigInteger inQ) in parts)
                {
                    int x = left[BigInteger.ModPow(inP, Small / order, p)];
                    int y = right[BigInteger.ModPow(inQ, Small / order, q)];
                    counts[(x * order) + y]++;
                }

                double mean = Samples / (double)counts.Length;
                double chiSquare = counts.Sum(c => (c - mean) * (c - mean) / mean);
                Assert.InRange(chiSquare, 0, ChiSquareQuantile(counts.Length - 1));
            }
        }
    }

    /// <summary>The chance that two digits in [0, digits) are equal modulo m.</summary>
    private static double Collision(double m, double digits)
    {
        double rest = digits % m;
        return ((digits * digits) + (rest * (m - rest))) / (m * digits * digits);
    }

    /// <summary>What χ² exceeds with a chance of 10⁻¹¹, as Wilson and Hilferty approximate it.</summary>
    private static double ChiSquareQuantile(double degrees)
    {
        const double Normal = 6.706; // the quantile of the normal distribution
        double part = 2 / (9 * degrees);
        return degrees * Math.Pow(1 - part + (Normal * Math.Sqrt(part)), 3);
    }

    /// <summary>Logarithms in the subgroup of a small order modulo p.</summary>
    private static Dictionary<BigInteger, int> Logarithms(BigInteger p, int order)
    {
        BigInteger generator, power = 1;
        int candidate = 1;
        do
        {
            generator = BigInteger.ModPow(++candidate, (p - 1) / order, p);
        }
        while (generator.IsOne);
        var logarithms = new Dictionary<BigInteger, int>();
        for (int i = 0; i < order; i++)
        {
            logarithms[power] = i;
            power = power * generator % p;
        }

        return logarithms;
    }
}
