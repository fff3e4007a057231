using System.Numerics;
using Popcorn.Engine.Model;
using Popcorn.Engine.Products;
using Popcorn.Interop;

namespace Popcorn.KernelTiming;

/// <summary>
/// The operations that are measured, with the key, tables and batches that they need. The command line, the regression
/// gate and the benchmark suites measure these and no others.
/// </summary>
internal sealed class KernelWorkload : IDisposable
{
    /// <summary>Outputs of the linear layers: they share their inputs' products.</summary>
    public const int Outputs = 64;

    /// <summary>One weight in so many is not zero where four fifths are.</summary>
    public const int SparseOneIn = 5;

    /// <summary>Bits of a slot when packing.</summary>
    public const int SlotBits = 64;

    private readonly KeyOptions _options;
    private readonly WorkloadSize _size;
    private readonly Execution _execution;
    private readonly PaillierPrivateKey _key;
    private readonly CiphertextBatch _source;
    private readonly CiphertextBatch _target;
    private readonly long[] _values;
    private readonly List<IDisposable> _owned = [];

    /// <summary>Makes a key and ciphertexts to measure with.</summary>
    /// <param name="bits">Bits of the key.</param>
    /// <param name="kernel">Name of a kernel, or null for the one this machine would use.</param>
    /// <param name="size">How much one run handles.</param>
    /// <param name="execution">Threads, and how to stop.</param>
    public KernelWorkload(int bits, string? kernel, WorkloadSize size, Execution execution)
    {
        _options = new KeyOptions { Kernel = kernel };
        _size = size;
        _execution = execution;
        _key = PaillierPrivateKey.Generate(bits, _options);
        int most = Math.Max(Math.Max(size.Heavy, size.Light), size.Inputs);
        _source = new CiphertextBatch(PublicKey, most);
        _target = new CiphertextBatch(PublicKey, most);
        _values = [.. Enumerable.Range(-most / 2, most).Select(i => i * 1_000_003L)];
        using var encryptor = new Encryptor(_key, new EncryptorOptions { WindowBits = 4 });
        encryptor.Encrypt(_values, _source, 0, execution);
    }

    /// <summary>Names of the operations that a measurement consists of.</summary>
    public static IReadOnlyList<string> Names { get; } =
    [
        "keygen", "encryptOwner", "encryptOwnerShort", "encryptPublic", "encryptPublicShort", "decrypt",
        "decryptSingle", "add", "multiply8bit", "macBinary", "mac4bit", "mac4bitSparse80", "pack64", "invertBatch",
    ];

    /// <summary>The key that is measured.</summary>
    public PaillierPublicKey PublicKey => _key.PublicKey;

    /// <summary>
    /// Prepares an operation, one of <see cref="Names"/> or encryption in constant time; what it needs lives as long as
    /// this object.
    /// </summary>
    public KernelOperation Create(string name) => name switch
    {
        "keygen" => new KernelOperation(name, 1, GenerateKey, IsSearch: true),
        "encryptOwner" => Encryption(name, Own(new Encryptor(_key))),
        "encryptOwnerShort" => Encryption(name, Own(new Encryptor(_key, ShortExponent))),
        "encryptPublic" => Encryption(name, Own(new Encryptor(PublicKey))),
        "encryptPublicShort" => Encryption(name, Own(new Encryptor(PublicKey, ShortExponent))),
        "encryptOwnerConstantTime" => Encryption(name, Own(new Encryptor(_key, ConstantTime))),
        "encryptPublicConstantTime" => Encryption(name, Own(new Encryptor(PublicKey, ConstantTime))),
        "decrypt" => Decryption(name, _size.Heavy),
        "decryptSingle" => Decryption(name, 1),
        "add" => new KernelOperation(
            name, _size.Light, () => Evaluator.Add(Light(_source), Light(_source), Light(_target), _execution)),
        "multiply8bit" => Combination(
            name, _size.Light, 1, (output, _) => new Term((ulong)(128 + 37 * output % 128), 0, output, 0)),
        "macBinary" => Layer(name, 1, random => 2 * random.Next(2) - 1),
        "mac4bit" => Layer(name, 1, NonZero4Bits),
        "mac4bitSparse80" => Layer(name, SparseOneIn, NonZero4Bits),
        "pack64" => Combination(
            name,
            _size.Heavy,
            (PublicKey.Bits - 1) / SlotBits,
            (output, slot) => new Term(1, 0, (output + slot) % _size.Inputs, slot * SlotBits)),
        "invertBatch" => new KernelOperation(
            name, _size.Light, () => Evaluator.Negate(Light(_source), Light(_target), _execution)),
        _ => throw new ArgumentOutOfRangeException(nameof(name), name, "No such operation."),
    };

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (IDisposable item in _owned)
        {
            item.Dispose();
        }

        _target.Dispose();
        _source.Dispose();
        _key.Dispose();
        _key.PublicKey.Dispose();
    }

    private CiphertextRange Light(CiphertextBatch batch) => batch.Range(0, _size.Light);

    private static EncryptorOptions ConstantTime => new() { ConstantTime = true };

    private static EncryptorOptions ShortExponent => new() { Profile = RandomnessProfile.ShortExponent };

    /// <summary>From -7 to 7.</summary>
    private static int NonZero4Bits(Random random) => random.Next(14) is var value && value < 7 ? value - 7 : value - 6;

    private T Own<T>(T item)
        where T : IDisposable
    {
        _owned.Add(item);
        return item;
    }

    private void GenerateKey()
    {
        _execution.CancellationToken.ThrowIfCancellationRequested();
        using PaillierPrivateKey key = PaillierPrivateKey.Generate(PublicKey.Bits, _options);
        key.PublicKey.Dispose();
    }

    private KernelOperation Encryption(string name, Encryptor encryptor) => new(
        name, _size.Heavy, () => encryptor.Encrypt(_values.AsSpan(0, _size.Heavy), _target, 0, _execution));

    private KernelOperation Decryption(string name, int count)
    {
        var decryptor = new Decryptor(_key);
        var words = new ulong[count * PublicKey.PlaintextWords];
        return new KernelOperation(name, count, () => decryptor.Decrypt(_source, 0, count, words, _execution));
    }

    /// <summary>A combination of as many terms for every output, per term.</summary>
    private KernelOperation Combination(string name, int outputs, int termsEach, Func<int, int, Term> term)
    {
        Term[] terms = [.. Enumerable.Range(0, outputs * termsEach)
            .Select(i => term(i / termsEach, i % termsEach))];
        int[] first = [.. Enumerable.Range(0, outputs + 1).Select(i => i * termsEach)];
        CiphertextBatch[] sources = [_source];
        return new KernelOperation(
            name, terms.Length, () => Evaluator.Combine(sources, terms, first, _target, 0, _execution));
    }

    /// <summary>A fully connected layer, one weight in <paramref name="oneIn"/> not zero, per such weight.</summary>
    private KernelOperation Layer(string name, int oneIn, Func<Random, int> weight)
    {
        // The same weights every time: how they are arranged decides what the layer costs.
        var random = new Random(1);
        var weights = new int[Outputs * _size.Inputs];
        foreach (ref int value in weights.AsSpan(0, weights.Length / oneIn))
        {
            value = weight(random);
        }

        random.Shuffle(weights);
        var layer = new LinearLayer(
            name, 0, new Shape(Outputs, 1, 1), Window.Whole(1, 1), 1, weights, new BigInteger[Outputs]);
        CompiledLinear compiled = Own(LinearCompiler.Compile(layer, new Shape(_size.Inputs, 1, 1)));
        var input = Own(new CiphertextBatch(PublicKey, _size.Inputs));
        input.Gather(_source, [.. Enumerable.Range(0, _size.Inputs)]);
        return new KernelOperation(
            name, (int)layer.NonZero,
            () => compiled.Run(input, images: 1, _execution, out _).Dispose());
    }
}
