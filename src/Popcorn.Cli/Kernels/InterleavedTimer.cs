using System.Diagnostics;
using Popcorn.Interop;

namespace Popcorn.Cli.Kernels;

/// <summary>
/// Times operations beside GMP's modular power, the reference. In every round each operation gets a slice of some
/// milliseconds, in which it runs again and again, and before each slice the reference is timed; of each, the best run
/// of all counts. Whatever else a machine does only ever adds time, and over many short runs, spread over the same
/// stretch of time, all of them meet quiet moments and the same clock.
/// </summary>
/// <param name="slice">Least length of a slice; every operation runs at least twice in it.</param>
/// <param name="cancellationToken">Looked at between runs.</param>
internal sealed class InterleavedTimer(TimeSpan slice, CancellationToken cancellationToken = default)
{
    private const int LeastRuns = 2;
    private const int ReferenceRuns = 2;
    private const int SearchesPerSlice = 2;

    /// <summary>Measures operations.</summary>
    /// <param name="operations">What to measure.</param>
    /// <param name="rounds">How many slices each gets.</param>
    /// <param name="started">Told of each slice before it begins, with the number of those done.</param>
    public Timings Measure(
        IReadOnlyList<KernelOperation> operations, int rounds, Action<int, string>? started = null)
    {
        foreach (KernelOperation operation in operations.Where(operation => !operation.IsSearch))
        {
            operation.Run();
        }

        List<TimeSpan>[] times = [.. operations.Select(_ => new List<TimeSpan>())];
        TimeSpan reference = TimeSpan.MaxValue;
        for (int round = 0; round < rounds; round++)
        {
            for (int i = 0; i < operations.Count; i++)
            {
                started?.Invoke((round * operations.Count) + i, operations[i].Name);
                reference = Least(reference, BestReference());
                if (operations[i].IsSearch)
                {
                    times[i].AddRange(Enumerable.Range(0, SearchesPerSlice).Select(_ => Time(operations[i])));
                }
                else
                {
                    times[i].Add(BestRun(operations[i]));
                }
            }
        }

        double powm = reference.TotalMicroseconds;
        return new Timings(powm, [.. operations.Zip(times, (operation, runs) => Summarize(operation, runs, powm))]);
    }

    private static Timing Summarize(KernelOperation operation, List<TimeSpan> runs, double powm)
    {
        double[] each = [.. runs.Select(time => time.TotalMicroseconds / operation.Units)];
        if (!operation.IsSearch)
        {
            return new Timing(operation, each.Min(), each.Min() / powm, RelativeError: 0);
        }

        double mean = each.Average();
        double variance = each.Sum(time => (time - mean) * (time - mean)) / (each.Length - 1);
        return new Timing(operation, mean, mean / powm, Math.Sqrt(variance / each.Length) / mean);
    }

    private static TimeSpan BestReference()
    {
        TimeSpan best = TimeSpan.MaxValue;
        for (int run = 0; run < ReferenceRuns; run++)
        {
            best = Least(best, PaillierLibrary.MeasureReferencePowm(1));
        }

        return best;
    }

    private static TimeSpan Least(TimeSpan a, TimeSpan b) => a < b ? a : b;

    private TimeSpan BestRun(KernelOperation operation)
    {
        TimeSpan best = TimeSpan.MaxValue;
        long start = Stopwatch.GetTimestamp();
        for (int run = 0; run < LeastRuns || Stopwatch.GetElapsedTime(start) < slice; run++)
        {
            best = Least(best, Time(operation));
        }

        return best;
    }

    private TimeSpan Time(KernelOperation operation)
    {
        cancellationToken.ThrowIfCancellationRequested();
        long began = Stopwatch.GetTimestamp();
        operation.Run();
        return Stopwatch.GetElapsedTime(began);
    }
}
