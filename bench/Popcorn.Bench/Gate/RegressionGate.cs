using System.Diagnostics;
using Popcorn.Interop;
using Popcorn.KernelTiming;
using Popcorn.KernelTiming.TwoParty;

namespace Popcorn.Bench.Gate;

/// <summary>
/// Measures every operation of every kernel that this machine has, on one thread, both sides of transfers, and whole
/// inferences: allocations, and times as ratios to the reference. What seems slower than the baseline is measured
/// again, and its best attempt counts.
/// </summary>
/// <param name="baseline">What to compare with.</param>
/// <param name="machine">Key of this machine in the baseline.</param>
/// <param name="slowDownPercent">Makes every run longer by this much, to show that the gate notices.</param>
internal sealed class RegressionGate(Baseline baseline, string? machine, double slowDownPercent)
{
    private const int KeyBits = 2048;
    private const int Rounds = 15;
    private const int TransferRounds = 24;
    private const int Attempts = 3;
    private const int AllocationRuns = 5;
    private static readonly TimeSpan Slice = TimeSpan.FromSeconds(0.02);

    /// <summary>Measures and compares operations.</summary>
    /// <param name="always">Makes all attempts for all operations: for a baseline, which should not be a bad day's.
    /// </param>
    /// <param name="progress">Told of each step.</param>
    public IReadOnlyList<Verdict> Run(bool always, Action<string> progress)
    {
        var verdicts = new List<Verdict>();
        foreach (string kernel in PaillierLibrary.Kernels)
        {
            using var workload = new KernelWorkload(KeyBits, kernel, WorkloadSize.Short, Execution.Sequential);
            KernelOperation[] operations = [.. KernelWorkload.Names.Select(name => SlowedDown(workload.Create(name)))];
            verdicts.AddRange(BestOf(operations, each => each.Name, always, (due, attempt) =>
            {
                progress($"kernel {kernel}, attempt {attempt}: {string.Join(", ", due.Select(each => each.Name))}");
                return Measure(kernel, due, Yardstick.Powm, Rounds);
            }));
        }

        return verdicts;
    }

    /// <summary>The same for either party's side of transfers.</summary>
    public IReadOnlyList<Verdict> RunTransfers(bool always, Action<string> progress)
    {
        using var aes = new AesYardstick();
        Yardstick yardstick = aes.Create();
        return [.. RunSides(yardstick, always, progress), .. RunSetUp(yardstick, always, progress)];
    }

    /// <summary>The same for inferences with integer networks, named by their files, on the machine's kernel.</summary>
    public IReadOnlyList<Verdict> RunInferences(
        PopcornCommand popcorn, string[] models, bool always, Action<string> progress) =>
        [.. BestOf(models, InferenceMeasurement.OperationOf, always, (due, attempt) => due.Select(model =>
        {
            progress($"{InferenceMeasurement.OperationOf(model)}, attempt {attempt}");
            return InferenceMeasurement.Of(popcorn, model, slowDownPercent);
        }))];

    private Verdict[] RunSides(Yardstick yardstick, bool always, Action<string> progress)
    {
        using var workload = new TransferWorkload();
        (KernelOperation Operation, TransferSizes Sizes, bool IsLarge)[] sides =
        [
            .. TransferWorkload.AllNames.Select(workload.Create).SelectMany(operation =>
                operation.Sides.Select(side => (
                    SlowedDown(side.Side),
                    TransferMeasurement.SizesOf(side.Side.Name, side.SentBits),
                    operation.IsLarge))),
        ];
        return [.. BestOf(sides, side => side.Operation.Name, always, (due, attempt) =>
        {
            progress($"transfers, attempt {attempt}: {string.Join(", ", due.Select(side => side.Operation.Name))}");
            KernelOperation[] operations = [.. due.Select(side => side.Operation)];
            return Measure(TransferMeasurement.Kernel, operations, yardstick, TransferRounds)
                .Zip(due, (measured, side) => measured with { Sizes = side.Sizes, IsLarge = side.IsLarge });
        })];
    }

    private IEnumerable<Verdict> RunSetUp(Yardstick yardstick, bool always, Action<string> progress) =>
        BestOf([.. TransferMeasurement.SetUpSides], side => side, always, (_, attempt) =>
        {
            progress($"set-up of transfers, attempt {attempt}");
            return TransferMeasurement.OfSetUp(yardstick, slowDownPercent);
        });

    private IEnumerable<Verdict> BestOf<T>(
        T[] all, Func<T, string> nameOf, bool always, Func<T[], int, IEnumerable<Measurement>> measure)
    {
        var found = new Dictionary<string, Verdict>();
        T[] due = all;
        for (int attempt = 1; attempt <= Attempts && due.Length > 0; attempt++)
        {
            foreach (Measurement measured in measure(due, attempt))
            {
                Measurement best = found.TryGetValue(measured.Operation, out Verdict? before)
                    && before.Measured.Ratio < measured.Ratio ? before.Measured : measured;
                found[measured.Operation] = Verdict.Of(best, baseline, machine, attempt);
            }

            due = [.. all.Where(each => always || found[nameOf(each)].Outcome == Outcome.Slower)];
        }

        return all.Select(each => found[nameOf(each)]);
    }

    private static IEnumerable<Measurement> Measure(
        string kernel, KernelOperation[] operations, Yardstick yardstick, int rounds) =>
        new InterleavedTimer(Slice) { Yardstick = yardstick }.Measure(operations, rounds).Operations
            .Select(timing => new Measurement(
                kernel,
                timing.Operation.Name,
                timing.Microseconds,
                timing.RatioToReference,
                timing.RelativeError,
                timing.Operation.IsSearch ? null : AllocatedBytes(timing.Operation)));

    /// <summary>The least of some runs: the runtime's own business may fall into one of them.</summary>
    private static long AllocatedBytes(KernelOperation operation)
    {
        long least = long.MaxValue;
        for (int run = 0; run < AllocationRuns; run++)
        {
            operation.Supply?.Renew();
            long before = GC.GetAllocatedBytesForCurrentThread();
            operation.Run();
            least = Math.Min(least, GC.GetAllocatedBytesForCurrentThread() - before);
        }

        return least;
    }

    private KernelOperation SlowedDown(KernelOperation operation) => slowDownPercent == 0
        ? operation
        : operation with
        {
            Run = () =>
            {
                long began = Stopwatch.GetTimestamp();
                operation.Run();
                long until = Stopwatch.GetTimestamp();
                until += (long)((until - began) * slowDownPercent / 100);
                while (Stopwatch.GetTimestamp() < until)
                {
                }
            },
        };
}
