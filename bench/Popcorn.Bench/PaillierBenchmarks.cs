using BenchmarkDotNet.Attributes;
using Popcorn.Interop;

namespace Popcorn.Bench;

/// <summary>
/// Every operation on one thread, per number, beside GMP's modular power with a 2048-bit exponent modulo a 4096-bit
/// number: the ratio to it is what compares between machines.
/// </summary>
public class PaillierBenchmarks
{
    private const int Count = 64;
    private const int SlotBits = 64;
    private const int ProgramInputs = 64;

    private readonly long[] _values = [.. Enumerable.Range(-Count / 2, Count).Select(i => i * 1_000_003L)];
    private readonly int[] _rows = [.. Enumerable.Range(0, Count + 1)];
    private readonly Term[] _bytes =
        [.. Enumerable.Range(0, Count).Select(i => new Term((ulong)(i * 37 % 255) + 1, 0, i, 0))];
    private readonly int[] _programInput = [.. Enumerable.Range(0, ProgramInputs)];
    private readonly int[] _programOutput = [0];

    private PaillierPrivateKey _key = null!;
    private Encryptor _owner = null!;
    private Encryptor _ownerShort = null!;
    private Encryptor _anybody = null!;
    private Encryptor _anybodyShort = null!;
    private Decryptor _decryptor = null!;
    private ProductProgram _sum = null!;
    private CiphertextBatch _source = null!;
    private CiphertextBatch _target = null!;
    private Term[] _slots = [];
    private ulong[] _words = [];

    /// <summary>What to measure: every kernel that this machine can run.</summary>
    public static IEnumerable<string> Kernels => PaillierLibrary.Kernels;

    /// <summary>The kernel measured.</summary>
    [ParamsSource(nameof(Kernels))]
    public string Kernel { get; set; } = "";

    /// <summary>Bits of n.</summary>
    [Params(2048)]
    public int Bits { get; set; }

    /// <summary>Makes a key, tables and batches.</summary>
    [GlobalSetup]
    public void SetUp()
    {
        _key = PaillierPrivateKey.Generate(Bits, new KeyOptions { Kernel = Kernel });
        var shortExponent = new EncryptorOptions { Profile = RandomnessProfile.ShortExponent };
        _owner = new Encryptor(_key);
        _ownerShort = new Encryptor(_key, shortExponent);
        _anybody = new Encryptor(_key.PublicKey);
        _anybodyShort = new Encryptor(_key.PublicKey, shortExponent);
        _decryptor = new Decryptor(_key);
        _source = new CiphertextBatch(_key.PublicKey, Count);
        _target = new CiphertextBatch(_key.PublicKey, Count);
        _owner.Encrypt(_values, _source);
        _slots = [.. Enumerable.Range(0, (Bits - 1) / SlotBits).Select(i => new Term(1, 0, i, i * SlotBits))];
        _words = new ulong[Count * _key.PublicKey.PlaintextWords];
        _sum = new ProductProgram(
            [new Instruction(ProgramInputs, 0, 1), .. Enumerable.Range(2, ProgramInputs - 2)
                .Select(i => new Instruction(ProgramInputs, ProgramInputs, i))],
            ProgramInputs, 1, [ProgramInputs]);
    }

    /// <summary>Frees what <see cref="SetUp"/> made.</summary>
    [GlobalCleanup]
    public void CleanUp()
    {
        foreach (IDisposable item in new IDisposable[]
            { _sum, _source, _target, _owner, _ownerShort, _anybody, _anybodyShort, _key.PublicKey, _key })
        {
            item.Dispose();
        }
    }

    /// <summary>The yardstick.</summary>
    [Benchmark(Baseline = true)]
    public TimeSpan ReferencePowm() => PaillierLibrary.MeasureReferencePowm(1);

    /// <summary>Encryption by the key's owner.</summary>
    [Benchmark(OperationsPerInvoke = Count)]
    public void EncryptOwner() => _owner.Encrypt(_values, _target, 0, Execution.Sequential);

    /// <summary>The same with short exponents.</summary>
    [Benchmark(OperationsPerInvoke = Count)]
    public void EncryptOwnerShort() => _ownerShort.Encrypt(_values, _target, 0, Execution.Sequential);

    /// <summary>Encryption by anybody.</summary>
    [Benchmark(OperationsPerInvoke = Count)]
    public void EncryptPublic() => _anybody.Encrypt(_values, _target, 0, Execution.Sequential);

    /// <summary>The same with short exponents.</summary>
    [Benchmark(OperationsPerInvoke = Count)]
    public void EncryptPublicShort() => _anybodyShort.Encrypt(_values, _target, 0, Execution.Sequential);

    /// <summary>Decryption.</summary>
    [Benchmark(OperationsPerInvoke = Count)]
    public void Decrypt() => _decryptor.Decrypt(_source, 0, Count, _words, Execution.Sequential);

    /// <summary>Sums of two ciphertexts.</summary>
    [Benchmark(OperationsPerInvoke = Count)]
    public void Add() => Evaluator.Add(_source, 0, _source, 0, _target, 0, Count, Execution.Sequential);

    /// <summary>Products with 8-bit numbers.</summary>
    [Benchmark(OperationsPerInvoke = Count)]
    public long Multiply8Bit() => Evaluator.Combine([_source], _bytes, _rows, _target, 0, Execution.Sequential);

    /// <summary>Slots of 64 bits into one ciphertext, per slot of a 2048-bit key.</summary>
    [Benchmark(OperationsPerInvoke = 2047 / SlotBits)]
    public long Pack64() => Evaluator.Combine([_source], _slots, [0, _slots.Length], _target, 0, Execution.Sequential);

    /// <summary>Negations, by batch inversion.</summary>
    [Benchmark(OperationsPerInvoke = Count)]
    public void Invert() => Evaluator.Negate(_source, 0, _target, 0, Count, Execution.Sequential);

    /// <summary>A program that sums its inputs, per product.</summary>
    [Benchmark(OperationsPerInvoke = ProgramInputs - 1)]
    public long RunProgram() =>
        Evaluator.Run(_sum, _source, _programInput, _target, _programOutput, 1, Execution.Sequential);
}
