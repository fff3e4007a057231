using System.Numerics;

namespace Popcorn.Interop.Tests;

/// <summary>Freshness, exponent lengths and refusals of encryption.</summary>
public sealed class EncryptorTests
{
    [Theory, ClassData(typeof(KernelData))]
    public void Ciphertexts_are_fresh(string kernel)
    {
        PaillierPrivateKey key = TestKeys.Small(kernel);
        using var anybody = new Encryptor(key.PublicKey);
        using var owner = new Encryptor(key);
        using var batch = new CiphertextBatch(key.PublicKey, 200);
        HashSet<BigInteger> seen = [];
        foreach (Encryptor encryptor in new[] { anybody, owner })
        {
            encryptor.Encrypt(new long[100], batch, 0);
            encryptor.EncryptZero(batch, 100, 100);
            Assert.All(batch.Ciphertexts(), ciphertext => Assert.True(seen.Add(ciphertext)));
        }
    }

    [Theory, ClassData(typeof(KernelData))]
    public void Rerandomisation_changes_the_ciphertext_and_not_the_plaintext(string kernel)
    {
        PaillierPrivateKey key = TestKeys.Small(kernel);
        using var anybody = new Encryptor(key.PublicKey);
        using var owner = new Encryptor(key);
        var constantTime = new EncryptorOptions { ConstantTime = true };
        using var carefulAnybody = new Encryptor(key.PublicKey, constantTime);
        using var carefulOwner = new Encryptor(key, constantTime);
        BigInteger[] values = [.. Enumerable.Range(-20, 41).Select(value => (BigInteger)value)];
        using CiphertextBatch batch = carefulOwner.Encrypt(values);
        Assert.Equal(values, key.Decrypt(batch));
        foreach (Encryptor encryptor in new[] { anybody, owner, carefulAnybody, carefulOwner })
        {
            BigInteger[] before = batch.Ciphertexts();
            encryptor.Rerandomize(batch, 0, batch.Count);
            Assert.All(before.Zip(batch.Ciphertexts()), pair => Assert.NotEqual(pair.First, pair.Second));
            Assert.Equal(values, key.Decrypt(batch));
        }
    }

    [Theory]
    [InlineData(2048, RandomnessProfile.Standard, 1024)]
    [InlineData(2048, RandomnessProfile.ShortExponent, 448)]
    [InlineData(3072, RandomnessProfile.ShortExponent, 512)]
    [InlineData(4096, RandomnessProfile.Standard, 2048)]
    [InlineData(4096, RandomnessProfile.ShortExponent, 640)]
    [InlineData(512, RandomnessProfile.ShortExponent, 256)]
    public void Exponents_have_the_documented_length(int keyBits, RandomnessProfile profile, int expected) =>
        Assert.Equal(expected, Encryptor.ExponentBits(keyBits, profile));

    [Theory, ClassData(typeof(KernelData))]
    public void Windows_trade_memory(string kernel)
    {
        PaillierPrivateKey key = TestKeys.Small(kernel);
        using var narrow = new Encryptor(key.PublicKey, new EncryptorOptions { WindowBits = 2 });
        using var wide = new Encryptor(key.PublicKey);
        using var scanned = new Encryptor(key.PublicKey, new EncryptorOptions { ConstantTime = true });
        Assert.True(0 < narrow.TableBytes && narrow.TableBytes < scanned.TableBytes);
        Assert.True(scanned.TableBytes < wide.TableBytes);
        Assert.Throws<PaillierException>(() => new Encryptor(key.PublicKey, new EncryptorOptions { WindowBits = 0 }));
        Assert.Throws<PaillierException>(() => new Encryptor(key, new EncryptorOptions { WindowBits = 13 }));
    }

    [Theory, ClassData(typeof(KernelData))]
    public void Plaintexts_that_do_not_fit_the_modulus_are_refused(string kernel)
    {
        PaillierPrivateKey key = TestKeys.Small(kernel);
        BigInteger n = key.PublicKey.Modulus;
        using var encryptor = new Encryptor(key);
        using var batch = new CiphertextBatch(key.PublicKey, 1);
        encryptor.Encrypt([n - 1], batch);
        Assert.Equal([-1], key.Decrypt(batch));
        encryptor.Encrypt([1 - n], batch);
        Assert.Equal([1], key.Decrypt(batch));
        foreach (BigInteger refused in new[] { n, -n, n + 1 })
        {
            Assert.Equal(
                PaillierError.Range, Assert.Throws<PaillierException>(() => encryptor.Encrypt([refused], batch)).Error);
        }

        Assert.Throws<ArgumentOutOfRangeException>(() => encryptor.Encrypt([n * n], batch));
    }
}
