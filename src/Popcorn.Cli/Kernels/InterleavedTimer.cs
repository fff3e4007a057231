using System.Diagnostics;
using Popcorn.Interop;

namespace Popcorn.Cli.Kernels;

/// <summary>
/// Times operations beside GMP's modular power in rounds. In a round every operation has a slice of some milliseconds,
/// in which it runs many times and its best time counts: whatever else a machine does only ever adds time, and rarely
/// to every run. Before and after each slice the reference is timed in the same way, so that a clock that drifts or a
/// neighbour that comes and goes meets both. Over the rounds, medians count.
/// </summary>
/// <param name="slice">Least length of a slice; every operation runs at least twice in it.</param>
/// <param name="cancellationToken">Looked at between runs.</param>
internal sealed class InterleavedTimer(TimeSpan slice, CancellationToken cancellationToken = default)
{
    private const int LeastRuns = 2;
    private const int ReferenceRuns = 2;
    private const int SearchesPerSlice = 4;

    /// <summary>Measures operations.</summary>
    /// <param name="operations">What to measure.</param>
    /// <param name="rounds">How many slices each gets.</param>
    /// <param name="started">Told of each slice before it begins, with the number of those done.</param>
    /// <returns>One timing for each operation, in their order.</returns>
    public IReadOnlyList<Timing> Measure(
        IReadOnlyList<KernelOperation> operations, int rounds, Action<int, string>? started = null)
    {
        Timing[] timings = [.. operations.Select(operation => new Timing(operation, rounds))];
        foreach (KernelOperation operation in operations.Where(operation => !operation.IsSearch))
        {
            operation.Run();
        }

        int done = 0;
        for (int round = 0; round < rounds; round++)
        {
            double before = TimeReference();
            foreach (Timing timing in timings)
            {
                started?.Invoke(done++, timing.Operation.Name);
                double time = timing.Operation.IsSearch ? MeanRun(timing.Operation) : BestRun(timing.Operation);
                double after = TimeReference();
                timing.Record(round, time, (before + after) / 2);
                before = after;
            }
        }

        return timings;
    }

    private static double TimeReference()
    {
        TimeSpan best = TimeSpan.MaxValue;
        for (int run = 0; run < ReferenceRuns; run++)
        {
            TimeSpan time = PaillierLibrary.MeasureReferencePowm(1);
            best = time < best ? time : best;
        }

        return best.TotalMicroseconds;
    }

    private double BestRun(KernelOperation operation)
    {
        TimeSpan best = TimeSpan.MaxValue;
        long start = Stopwatch.GetTimestamp();
        for (int run = 0; run < LeastRuns || Stopwatch.GetElapsedTime(start) < slice; run++)
        {
            TimeSpan time = Time(operation);
            best = time < best ? time : best;
        }

        return best.TotalMicroseconds / operation.Units;
    }

    private double MeanRun(KernelOperation operation)
    {
        TimeSpan sum = TimeSpan.Zero;
        for (int run = 0; run < SearchesPerSlice; run++)
        {
            sum += Time(operation);
        }

        return sum.TotalMicroseconds / SearchesPerSlice / operation.Units;
    }

    private TimeSpan Time(KernelOperation operation)
    {
        cancellationToken.ThrowIfCancellationRequested();
        long began = Stopwatch.GetTimestamp();
        operation.Run();
        return Stopwatch.GetElapsedTime(began);
    }
}
