namespace Popcorn.KernelTiming;

/// <summary>
/// Times operations beside a yardstick, the reference. In every round each operation gets a slice of some milliseconds,
/// in which it runs again and again, and before each slice the reference is timed; of each, the best run of all counts
/// (of a search the mean). Whatever else a machine does only ever adds time, and over many short runs, spread over the
/// same stretch of time, all of them meet quiet moments and the same clock.
/// </summary>
/// <param name="slice">
/// Least length of a slice; every operation runs at least twice in it. One with a supply runs as often as that allows.
/// </param>
/// <param name="cancellationToken">Looked at between runs.</param>
/// <param name="clock">Tells the time of operations; the system's if null.</param>
internal sealed class InterleavedTimer(
    TimeSpan slice, CancellationToken cancellationToken = default, TimeProvider? clock = null)
{
    private const int LeastRuns = 2;
    private const int ReferenceRuns = 2;
    private const int SearchesPerSlice = 2;

    private readonly TimeProvider _clock = clock ?? TimeProvider.System;

    /// <summary>The reference.</summary>
    public Yardstick Yardstick { get; init; } = Yardstick.Powm;

    /// <summary>Measures operations.</summary>
    /// <param name="operations">What to measure.</param>
    /// <param name="rounds">How many slices each gets.</param>
    /// <param name="started">Told of each slice before it begins, with the number of those done.</param>
    public Timings Measure(
        IReadOnlyList<KernelOperation> operations, int rounds, Action<int, string>? started = null)
    {
        foreach (KernelOperation operation in operations.Where(operation => !operation.IsSearch))
        {
            operation.Supply?.Renew();
            operation.Run();
        }

        List<TimeSpan>[] times = [.. operations.Select(_ => new List<TimeSpan>())];
        List<TimeSpan>[] references = [.. operations.Select(_ => new List<TimeSpan>())];
        for (int round = 0; round < rounds; round++)
        {
            for (int i = 0; i < operations.Count; i++)
            {
                started?.Invoke((round * operations.Count) + i, operations[i].Name);
                operations[i].Supply?.Renew();
                references[i].AddRange(Enumerable.Range(0, ReferenceRuns).Select(_ => Yardstick.Measure()));
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

        double best = references.SelectMany(reference => reference).Min(TimeOfUnit);
        return new Timings(
            best,
            [.. operations.Select((operation, i) => operation.IsSearch
                ? SummarizeSearch(operation, times[i], references[i].Average(TimeOfUnit))
                : Summarize(operation, times[i], best))]);
    }

    private static Timing Summarize(KernelOperation operation, List<TimeSpan> runs, double reference)
    {
        double best = runs.Min().TotalMicroseconds / operation.Units;
        return new Timing(operation, best, best / reference, RelativeError: 0);
    }

    /// <summary>Interruptions are part of a mean: it compares with a mean that has its share of them.</summary>
    private static Timing SummarizeSearch(KernelOperation operation, List<TimeSpan> runs, double reference)
    {
        double mean = runs.Average(time => time.TotalMicroseconds);
        double variance = runs.Sum(time => Math.Pow(time.TotalMicroseconds - mean, 2)) / (runs.Count - 1);
        return new Timing(
            operation,
            mean / operation.Units,
            mean / operation.Units / reference,
            Math.Sqrt(variance / runs.Count) / mean);
    }

    private static TimeSpan Least(TimeSpan a, TimeSpan b) => a < b ? a : b;

    private double TimeOfUnit(TimeSpan reference) => reference.TotalMicroseconds / Yardstick.Units;

    private bool HasTurn(KernelOperation operation, int run, long start) => operation.Supply is { } supply
        ? run < supply.Runs
        : run < LeastRuns || _clock.GetElapsedTime(start) < slice;

    private TimeSpan BestRun(KernelOperation operation)
    {
        TimeSpan best = TimeSpan.MaxValue;
        long start = _clock.GetTimestamp();
        for (int run = 0; HasTurn(operation, run, start); run++)
        {
            best = Least(best, Time(operation));
        }

        return best;
    }

    private TimeSpan Time(KernelOperation operation)
    {
        cancellationToken.ThrowIfCancellationRequested();
        long began = _clock.GetTimestamp();
        operation.Run();
        return _clock.GetElapsedTime(began);
    }
}
