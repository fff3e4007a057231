using System.Security.Cryptography;
using Popcorn.Interop;
using Popcorn.Interop.Native;

namespace Popcorn.Bench.Dudect;

/// <summary>The experiments: the secrets of decryption and of the owner's encryption, and one that must show.</summary>
internal sealed unsafe class SecretExperiments : IDisposable
{
    private const int Bits = 2048;
    private const int Lanes = 8;
    private const int Instances = 64;
    private const int Keys = 8;

    // Small tables, so that those of all keys stay in the cache.
    private const int KeyWindowBits = 4;

    private readonly KeyOptions _options;
    private readonly PaillierPrivateKey _key;
    private readonly List<IDisposable> _owned = [];

    /// <summary>Makes a key.</summary>
    /// <param name="kernel">Name of a kernel, or null for the one this machine would use.</param>
    public SecretExperiments(string? kernel)
    {
        _options = new KeyOptions { Kernel = kernel };
        _key = Own(PaillierPrivateKey.Generate(Bits, _options));
        Own(_key.PublicKey);
    }

    /// <summary>The kernel whose times are measured.</summary>
    public string Kernel => _key.PublicKey.Kernel;

    /// <summary>All experiments, prepared one by one.</summary>
    public IEnumerable<Experiment> Create()
    {
        yield return Factors();
        yield return Ciphertexts("decrypt, ciphertexts", Lanes);
        yield return Ciphertexts("decryptSingle, ciphertext", 1);
        yield return DecryptionKeys("decrypt, key", Lanes);
        yield return DecryptionKeys("decryptSingle, key", 1);
        yield return Plaintexts();
        yield return EncryptionKeys();
        yield return Randomness("encryptOwner, randomness", new EncryptorOptions(), Expectation.Documented);
        yield return Randomness(
            "encryptOwner, constant time", new EncryptorOptions { ConstantTime = true }, Expectation.Constant);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (IDisposable item in _owned.AsEnumerable().Reverse())
        {
            item.Dispose();
        }
    }

    private static Action[] Each(int count, Func<int, Action> create) => [.. Enumerable.Range(0, count).Select(create)];

    private T Own<T>(T item)
        where T : IDisposable
    {
        _owned.Add(item);
        return item;
    }

    /// <summary>Variable time by contract: 128 has one bit, the other factors have more.</summary>
    private Experiment Factors()
    {
        CiphertextBatch source = RandomBatch(_key, Lanes);
        var target = Own(new CiphertextBatch(_key.PublicKey, Lanes));
        int[] first = [.. Enumerable.Range(0, Lanes + 1)];
        return new Experiment(
            "control: combine, factors",
            Expectation.Control,
            Each(Instances, _ => Run(() => 128)),
            Each(Instances, _ => Run(() => 128 + Random.Shared.Next(128))));

        Action Run(Func<int> factor)
        {
            Term[] terms = [.. Enumerable.Range(0, Lanes).Select(i => new Term((ulong)factor(), 0, i, 0))];
            CiphertextBatch[] sources = [source];
            return () => Evaluator.Combine(sources, terms, first, target, 0, Execution.Sequential);
        }
    }

    private Experiment Ciphertexts(string name, int count)
    {
        CiphertextBatch random = RandomBatch(_key, Instances * count);
        var same = Own(new CiphertextBatch(_key.PublicKey, Instances * count));
        same.Gather(random, [.. Enumerable.Range(0, same.Count).Select(i => i % count)]);
        return new Experiment(
            name,
            Expectation.Constant,
            Each(Instances, i => Decryption(_key, same, i * count, count)),
            Each(Instances, i => Decryption(_key, random, i * count, count)));
    }

    private Experiment DecryptionKeys(string name, int count)
    {
        (PaillierPrivateKey[] same, PaillierPrivateKey[] random) = MakeKeys();
        return new Experiment(
            name,
            Expectation.Constant,
            [.. same.Select(key => Decryption(key, RandomBatch(key, count), 0, count))],
            [.. random.Select(key => Decryption(key, RandomBatch(key, count), 0, count))]);
    }

    private Experiment Plaintexts()
    {
        var encryptor = Own(new Encryptor(_key));
        var target = Own(new CiphertextBatch(_key.PublicKey, Lanes));
        return new Experiment(
            "encryptOwner, plaintexts",
            Expectation.Constant,
            Each(Instances, _ => Run(() => 0)),
            Each(Instances, _ => Run(() => Random.Shared.NextInt64(long.MinValue, long.MaxValue))));

        Action Run(Func<long> plaintext)
        {
            long[] values = [.. Enumerable.Range(0, Lanes).Select(_ => plaintext())];
            return () => encryptor.Encrypt(values, target, 0, Execution.Sequential);
        }
    }

    private Experiment EncryptionKeys()
    {
        (PaillierPrivateKey[] same, PaillierPrivateKey[] random) = MakeKeys();
        return new Experiment(
            "encryptOwner, key", Expectation.Constant, [.. same.Select(Run)], [.. random.Select(Run)]);

        Action Run(PaillierPrivateKey key)
        {
            var encryptor = Own(new Encryptor(key, new EncryptorOptions { WindowBits = KeyWindowBits }));
            var target = Own(new CiphertextBatch(key.PublicKey, Lanes));
            return () => encryptor.EncryptZero(target, 0, Lanes, Execution.Sequential);
        }
    }

    /// <summary>Below the managed interface, which lets nobody choose the randomness of an encryption.</summary>
    private Experiment Randomness(string name, EncryptorOptions options, Expectation expectation)
    {
        EncryptorHandle encryptor = Own(new Encryptor(_key, options)).Handle;
        NativeStatus.Check(NativeMethods.EncryptorRandomBytes(encryptor, out int bytes), "encryptor");
        var target = Own(new CiphertextBatch(_key.PublicKey, Lanes));
        byte[] once = RandomNumberGenerator.GetBytes(Lanes * bytes);
        return new Experiment(
            name,
            expectation,
            Each(Instances, _ => Run([.. once])),
            Each(Instances, _ => Run(RandomNumberGenerator.GetBytes(Lanes * bytes))));

        Action Run(byte[] random) => () =>
        {
            fixed (byte* alpha = random)
            {
                NativeStatus.Check(
                    NativeMethods.Encrypt(encryptor, null, 0, alpha, random.Length, target.Handle, 0, Lanes),
                    "encryption");
            }
        };
    }

    private CiphertextBatch RandomBatch(PaillierPrivateKey key, int count)
    {
        var batch = Own(new CiphertextBatch(key.PublicKey, count));
        using var encryptor = new Encryptor(key, new EncryptorOptions { WindowBits = KeyWindowBits });
        long[] values = [.. Enumerable.Range(0, count).Select(_ => Random.Shared.NextInt64())];
        encryptor.Encrypt(values, batch);
        return batch;
    }

    private static Action Decryption(PaillierPrivateKey key, CiphertextBatch batch, int offset, int count)
    {
        var decryptor = new Decryptor(key);
        var words = new ulong[count * key.PublicKey.PlaintextWords];
        return () => decryptor.Decrypt(batch, offset, count, words, Execution.Sequential);
    }

    /// <summary>One key, loaded as many times as there are others.</summary>
    private (PaillierPrivateKey[] Same, PaillierPrivateKey[] Random) MakeKeys()
    {
        byte[] exported = _key.Export();
        PaillierPrivateKey[] same =
            [.. Enumerable.Range(0, Keys).Select(_ => OwnKey(PaillierPrivateKey.Import(exported, _options)))];
        CryptographicOperations.ZeroMemory(exported);
        return (same, [.. same.Select(_ => OwnKey(PaillierPrivateKey.Generate(Bits, _options)))]);

        PaillierPrivateKey OwnKey(PaillierPrivateKey key)
        {
            Own(key.PublicKey);
            return Own(key);
        }
    }
}
