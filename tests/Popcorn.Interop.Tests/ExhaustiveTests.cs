using System.Numerics;

namespace Popcorn.Interop.Tests;

/// <summary>Moduli so small that everything can be tried.</summary>
public sealed class ExhaustiveTests
{
    public static TheoryData<string, int, int> Keys()
    {
        var keys = new TheoryData<string, int, int>();
        foreach (string kernel in PaillierLibrary.Kernels)
        {
            keys.Add(kernel, 19, 23);
            keys.Add(kernel, 23, 31);
            keys.Add(kernel, 43, 59);
        }

        return keys;
    }

    [Theory, MemberData(nameof(Keys))]
    public void Every_plaintext_survives_encryption(string kernel, int p, int q)
    {
        using PaillierPrivateKey key = TestKeys.Tiny(kernel, p, q);
        using var anybody = new Encryptor(key.PublicKey);
        using var owner = new Encryptor(key);
        int n = p * q;
        BigInteger[] residues = [.. Enumerable.Range(0, n).Select(m => (BigInteger)m)];
        BigInteger[] negatives = [.. residues.Select(m => m - n + 1)];
        var oracle = new TextbookPaillier(key);
        foreach (Encryptor encryptor in new[] { anybody, owner })
        {
            foreach (BigInteger[] values in new[] { residues, negatives })
            {
                using CiphertextBatch batch = encryptor.Encrypt(values);
                Assert.Equal(values.Select(oracle.Centre), key.Decrypt(batch));
            }
        }
    }

    [Theory, MemberData(nameof(Keys))]
    public void Every_unit_is_a_ciphertext_and_everything_else_is_refused(string kernel, int p, int q)
    {
        using PaillierPrivateKey key = TestKeys.Tiny(kernel, p, q);
        var oracle = new TextbookPaillier(key);

        // All of a column of the square, and all multiples of n and their neighbours.
        int n = p * q;
        IEnumerable<int> column = Enumerable.Range(0, n);
        IEnumerable<int> multiples = Enumerable.Range(1, n).SelectMany(i => new[] { (i * n) - 1, i * n, (i * n) + 1 });
        BigInteger[] numbers = [.. column.Concat(multiples).Distinct().Select(value => (BigInteger)value)];
        bool IsCiphertext(BigInteger c) =>
            c < oracle.Square && BigInteger.GreatestCommonDivisor(c, oracle.N).IsOne;

        BigInteger[] units = [.. numbers.Where(IsCiphertext)];
        using CiphertextBatch batch = BatchExtensions.ImportAll(key.PublicKey, units);
        Assert.Equal(units, batch.Ciphertexts());
        Assert.Equal(units.Select(oracle.DecryptSigned), key.Decrypt(batch));
        Assert.All(numbers.Except(units), refused => Assert.Equal(
            PaillierError.Ciphertext,
            Assert.Throws<PaillierException>(() => BatchExtensions.ImportAll(key.PublicKey, refused)).Error));
    }

    [Theory, ClassData(typeof(KernelData))]
    public void Every_sum_of_two_plaintexts_is_right(string kernel)
    {
        using PaillierPrivateKey key = TestKeys.Tiny(kernel, 19, 23);
        const int N = 19 * 23;
        using var encryptor = new Encryptor(key);
        using CiphertextBatch all = encryptor.Encrypt([.. Enumerable.Range(0, N).Select(m => (BigInteger)m)]);
        using var shifted = new CiphertextBatch(key.PublicKey, N);
        using var sums = new CiphertextBatch(key.PublicKey, N);
        var decryptor = new Decryptor(key);
        ulong[] words = new ulong[N];
        for (int shift = 0; shift < N; shift++)
        {
            shifted.Gather(all, [.. Enumerable.Range(0, N).Select(i => (i + shift) % N)]);
            Evaluator.Add(all.Range(0, N), shifted.Range(0, N), sums.Range(0, N));
            decryptor.Decrypt(sums, 0, N, words);
            Assert.Equal(Enumerable.Range(0, N).Select(i => (ulong)(((2 * i) + shift) % N)), words);
        }
    }
}
