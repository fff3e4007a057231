using System.Numerics;

namespace Popcorn.Interop.Tests;

/// <summary>The fast paths against textbook Paillier, ciphertext by ciphertext.</summary>
public sealed class TextbookTests
{
    private static readonly BigInteger[] Values =
        [0, 1, -1, 42, -1_000_000_007, long.MaxValue, long.MinValue, BigInteger.Pow(3, 150), -BigInteger.Pow(3, 150)];

    [Theory, ClassData(typeof(KernelData))]
    public void Small_keys(string kernel) => AgreesWithTextbook(TestKeys.Small(kernel), Values);

    [Theory, ClassData(typeof(KernelData))]
    public void Real_keys(string kernel) =>
        AgreesWithTextbook(TestKeys.Real(kernel), [-1_000_000_007, BigInteger.Pow(3, 900)]);

    [Theory, ClassData(typeof(KernelData))]
    public void Operations_compute_the_same_ciphertexts_as_big_integers(string kernel)
    {
        PaillierPrivateKey key = TestKeys.Small(kernel);
        var oracle = new TextbookPaillier(key);
        using var encryptor = new Encryptor(key);
        using CiphertextBatch batch = encryptor.Encrypt(Values);
        BigInteger[] c = batch.Ciphertexts();
        using var target = new CiphertextBatch(key.PublicKey, 1);

        Evaluator.Add(batch.Range(0, 1), batch.Range(1, 1), target);
        Assert.Equal(c[0] * c[1] % oracle.Square, target.Ciphertexts()[0]);

        Evaluator.Negate(batch.Range(2, 1), target);
        Assert.Equal(TextbookPaillier.Inverse(c[2], oracle.Square), target.Ciphertexts()[0]);

        Evaluator.Combine([batch], [new Term(200, 0, 3, 7), new Term(3, 0, 4, 0)], [0, 2], target);
        BigInteger expected =
            BigInteger.ModPow(c[3], 200 << 7, oracle.Square) * BigInteger.Pow(c[4], 3) % oracle.Square;
        Assert.Equal(expected, target.Ciphertexts()[0]);

        target.Gather(batch, [5]);
        Evaluator.AddPlain([-77L], target);
        Assert.Equal(
            c[5] * BigInteger.ModPow(oracle.N + 1, oracle.N - 77, oracle.Square) % oracle.Square,
            target.Ciphertexts()[0]);
    }

    [Theory, ClassData(typeof(KernelData))]
    public void Randomness_is_a_power_of_the_base(string kernel)
    {
        // With one bit of window and a tiny key every h_s^α can be listed: encryptions of 0 must be among them.
        PaillierPrivateKey key = TestKeys.Tiny(kernel, 19, 23);
        var oracle = new TextbookPaillier(key);
        BigInteger h = new(key.PublicKey.Base, isUnsigned: true);
        BigInteger hs = BigInteger.ModPow(h, oracle.N, oracle.Square);
        int exponents = 1 << Encryptor.ExponentBits(key.PublicKey.Bits, RandomnessProfile.Standard);
        HashSet<BigInteger> powers =
            [.. Enumerable.Range(0, exponents).Select(alpha => BigInteger.ModPow(hs, alpha, oracle.Square))];
        foreach (int window in new[] { 1, 2, 3, 8, 12 })
        {
            var options = new EncryptorOptions { WindowBits = window };
            using var anybody = new Encryptor(key.PublicKey, options);
            using var owner = new Encryptor(key, options);
            foreach (Encryptor encryptor in new[] { anybody, owner })
            {
                // One of 32 powers is missing among so many once in 10^15 runs.
                using var zeros = new CiphertextBatch(key.PublicKey, 1500);
                encryptor.EncryptZero(zeros, 0, zeros.Count);
                Assert.Equal(powers, zeros.Ciphertexts().ToHashSet());
            }
        }
    }

    private static void AgreesWithTextbook(PaillierPrivateKey key, BigInteger[] values)
    {
        var oracle = new TextbookPaillier(key);
        using var anybody = new Encryptor(key.PublicKey);
        using var owner = new Encryptor(key, new EncryptorOptions { Profile = RandomnessProfile.ShortExponent });
        foreach (Encryptor encryptor in new[] { anybody, owner })
        {
            using CiphertextBatch ours = encryptor.Encrypt(values);
            Assert.Equal(values, ours.Ciphertexts().Select(oracle.DecryptSigned));
        }

        BigInteger[] theirs = [.. values.Select(value => oracle.Encrypt(value, oracle.RandomUnit()))];
        using CiphertextBatch imported = BatchExtensions.ImportAll(key.PublicKey, theirs);
        Assert.Equal(values, key.Decrypt(imported));
        Assert.Equal(theirs, imported.Ciphertexts());
    }
}
