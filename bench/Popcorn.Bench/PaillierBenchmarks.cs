using System.Runtime.CompilerServices;
using System.Text.Json;
using BenchmarkDotNet.Attributes;
using Popcorn.Interop;
using Popcorn.KernelTiming;

namespace Popcorn.Bench;

/// <summary>
/// Every operation on one thread, per number, value or non-zero weight, beside GMP's modular power with a 2048-bit
/// exponent modulo a 4096-bit number: the ratio to it is what compares between machines.
/// </summary>
[MemoryDiagnoser]
public class PaillierBenchmarks
{
    private const int Bits = 2048;
    private const int Slots = (Bits - 1) / KernelWorkload.SlotBits;
    private const int Weights = KernelWorkload.Outputs * WorkloadSize.FullInputs;

    private KernelWorkload _workload = null!;
    private Action? _run;

    /// <summary>What to measure: every kernel that this machine can run.</summary>
    public static IEnumerable<string> Kernels => PaillierLibrary.Kernels;

    /// <summary>The kernel measured.</summary>
    [ParamsSource(nameof(Kernels))]
    public string Kernel { get; set; } = "";

    /// <summary>The yardstick.</summary>
    [Benchmark]
    public TimeSpan ReferencePowm() => PaillierLibrary.MeasureReferencePowm(1);

    /// <summary>A key pair. Not the same work twice: look at the mean, and at its error.</summary>
    [Benchmark]
    public void Keygen() => Run();

    /// <summary>Encryption by the key's owner.</summary>
    [Benchmark(OperationsPerInvoke = WorkloadSize.FullHeavy)]
    public void EncryptOwner() => Run();

    /// <summary>The same with short exponents.</summary>
    [Benchmark(OperationsPerInvoke = WorkloadSize.FullHeavy)]
    public void EncryptOwnerShort() => Run();

    /// <summary>Encryption by anybody.</summary>
    [Benchmark(OperationsPerInvoke = WorkloadSize.FullHeavy)]
    public void EncryptPublic() => Run();

    /// <summary>The same with short exponents.</summary>
    [Benchmark(OperationsPerInvoke = WorkloadSize.FullHeavy)]
    public void EncryptPublicShort() => Run();

    /// <summary>Encryption by the key's owner, tables scanned instead of indexed.</summary>
    [Benchmark(OperationsPerInvoke = WorkloadSize.FullHeavy)]
    public void EncryptOwnerConstantTime() => Run();

    /// <summary>The same by anybody.</summary>
    [Benchmark(OperationsPerInvoke = WorkloadSize.FullHeavy)]
    public void EncryptPublicConstantTime() => Run();

    /// <summary>Decryption.</summary>
    [Benchmark(OperationsPerInvoke = WorkloadSize.FullHeavy)]
    public void Decrypt() => Run();

    /// <summary>Decryption of one number on its own.</summary>
    [Benchmark]
    public void DecryptSingle() => Run();

    /// <summary>Sums of two ciphertexts.</summary>
    [Benchmark(OperationsPerInvoke = WorkloadSize.FullLight)]
    public void Add() => Run();

    /// <summary>Products with 8-bit numbers.</summary>
    [Benchmark(OperationsPerInvoke = WorkloadSize.FullLight)]
    public void Multiply8bit() => Run();

    /// <summary>A fully connected layer with weights ±1.</summary>
    [Benchmark(OperationsPerInvoke = Weights)]
    public void MacBinary() => Run();

    /// <summary>A fully connected layer with weights of 4 bits.</summary>
    [Benchmark(OperationsPerInvoke = Weights)]
    public void Mac4bit() => Run();

    /// <summary>The same, four fifths of them zero.</summary>
    [Benchmark(OperationsPerInvoke = Weights / KernelWorkload.SparseOneIn)]
    public void Mac4bitSparse80() => Run();

    /// <summary>Slots of 64 bits into one ciphertext.</summary>
    [Benchmark(OperationsPerInvoke = WorkloadSize.FullHeavy * Slots)]
    public void Pack64() => Run();

    /// <summary>Negations, by batch inversion.</summary>
    [Benchmark(OperationsPerInvoke = WorkloadSize.FullLight)]
    public void InvertBatch() => Run();

    /// <summary>Makes a key and ciphertexts.</summary>
    [GlobalSetup]
    public void SetUp() => _workload = new KernelWorkload(Bits, Kernel, WorkloadSize.Full(1), Execution.Sequential);

    /// <summary>Frees what <see cref="SetUp"/> made.</summary>
    [GlobalCleanup]
    public void CleanUp() => _workload.Dispose();

    /// <summary>Runs the operation of a benchmark's name, which the first of all runs, a warm-up, prepares.</summary>
    private void Run([CallerMemberName] string benchmark = "") => (_run ??= Prepare(benchmark))();

    private Action Prepare(string benchmark) =>
        _workload.Create(JsonNamingPolicy.CamelCase.ConvertName(benchmark)).Run;
}
