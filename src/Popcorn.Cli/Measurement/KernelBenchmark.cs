using Popcorn.Interop;

namespace Popcorn.Cli.Measurement;

/// <summary>What <c>popcorn bench kernels</c> found.</summary>
internal sealed record KernelsReport(
    string Isa,
    int KeyBits,
    int Threads,
    double ReferencePowmMicroseconds,
    IReadOnlyList<MeasuredOperation> Operations);

/// <summary>One of its operations.</summary>
internal sealed record MeasuredOperation(string Name, double Microseconds, double RatioToPowm);

/// <summary>Times every operation on ciphertexts on this machine, beside GMP's modular power in the same run.</summary>
internal static class KernelBenchmark
{
    private const int Rounds = 20;
    private static readonly TimeSpan Slice = TimeSpan.FromSeconds(0.03);

    /// <summary>Slices in all, for a progress bar.</summary>
    public static int Slices => Rounds * KernelWorkload.Names.Count;

    /// <summary>Measures everything.</summary>
    /// <param name="bits">Bits of the key that is made for it.</param>
    /// <param name="kernel">Name of a kernel, or null for the one this machine would use.</param>
    /// <param name="execution">Threads, and how to stop.</param>
    /// <param name="started">Told of each slice before it begins, with the number of those done.</param>
    public static KernelsReport Run(int bits, string? kernel, Execution execution, Action<int, string>? started = null)
    {
        WorkloadSize size = WorkloadSize.Full(execution.DegreeOfParallelism);
        using var workload = new KernelWorkload(bits, kernel, size, execution);
        KernelOperation[] operations = [.. KernelWorkload.Names.Select(workload.Create)];
        Timings timings =
            new InterleavedTimer(Slice, execution.CancellationToken).Measure(operations, Rounds, started);
        return new KernelsReport(
            workload.PublicKey.Kernel,
            workload.PublicKey.Bits,
            execution.DegreeOfParallelism,
            timings.ReferenceMicroseconds,
            [.. timings.Operations.Select(timing => new MeasuredOperation(
                timing.Operation.Name, timing.Microseconds, timing.Microseconds / timings.ReferenceMicroseconds))]);
    }
}
