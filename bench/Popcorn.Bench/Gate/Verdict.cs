namespace Popcorn.Bench.Gate;

/// <summary>What was measured of an operation.</summary>
/// <param name="Kernel">The kernel it ran on.</param>
/// <param name="Operation">Its name.</param>
/// <param name="Microseconds">Time per unit.</param>
/// <param name="Ratio">The same in units of the reference.</param>
/// <param name="RelativeError">Standard error of the ratio as a fraction of it, where luck is at work.</param>
/// <param name="AllocatedBytes">Managed bytes that one run allocates; null where luck decides.</param>
internal sealed record Measurement(
    string Kernel, string Operation, double Microseconds, double Ratio, double RelativeError, long? AllocatedBytes)
{
    /// <summary>What a whole inference does, where it is one.</summary>
    public InferenceWork? Work { get; init; }

    /// <summary>What a party sends and keeps, where it is one's side of transfers.</summary>
    public TransferSizes? Sizes { get; init; }

    /// <summary>Whether its data are more than the near caches hold.</summary>
    public bool IsLarge { get; init; }
}

/// <summary>What a party's side of transfers does, whatever machine it runs on.</summary>
/// <param name="SentBits">Bits that it sends for an item.</param>
/// <param name="KeptBytes">Bytes that it keeps of a million items, where it is tickets that it makes.</param>
internal sealed record TransferSizes(double SentBits, long KeptBytes);

/// <summary>What an inference does, whatever machine it runs on.</summary>
/// <param name="Products">
/// Products modulo n²: exact for linear layers; for rounds, where random factors decide, the expected number.
/// </param>
/// <param name="BytesUp">From client to server.</param>
/// <param name="BytesDown">From server to client.</param>
/// <param name="Rounds">Round trips.</param>
/// <param name="AllocatedBytes">Managed memory of both parties.</param>
internal sealed record InferenceWork(long Products, long BytesUp, long BytesDown, int Rounds, long AllocatedBytes)
{
    /// <summary>Lists grow by random factors, and the runtime's own business comes in between: so much may differ.
    /// </summary>
    private const double AllocationTolerance = 0.05;

    /// <summary>Whether both are the same work.</summary>
    public bool Matches(InferenceWork other) =>
        this with { AllocatedBytes = 0 } == other with { AllocatedBytes = 0 }
        && Math.Abs(AllocatedBytes - other.AllocatedBytes) <= AllocationTolerance * other.AllocatedBytes;
}

/// <summary>How an operation compares with its baseline.</summary>
internal enum Outcome
{
    /// <summary>As expected.</summary>
    Ok,

    /// <summary>Faster by more than the tolerance: the baseline should be renewed, so that the gain is kept.</summary>
    Faster,

    /// <summary>No time is known for this machine; allocations are as expected.</summary>
    Unknown,

    /// <summary>Slower by more than the tolerance.</summary>
    Slower,

    /// <summary>Other allocations, or ones that no baseline knows.</summary>
    Allocations,

    /// <summary>
    /// An inference of other products, bytes, rounds or allocations, transfers of other sizes, or some that no baseline
    /// knows.
    /// </summary>
    Work,
}

/// <summary>A measurement and how it compares.</summary>
internal sealed record Verdict(
    Measurement Measured, double? BaselineRatio, long? BaselineBytes, Outcome Outcome, int Attempts)
{
    /// <summary>Regressions begin here: above what a busy machine does to best times (8 %), below 20 %.</summary>
    public const double Tolerance = 0.12;

    /// <summary>
    /// The same for whole inferences, in which threads wait for each other, and for data that come from afar.
    /// </summary>
    public const double InferenceTolerance = 0.2;

    // A search that is no slower exceeds its baseline by so many standard errors once in hundreds of attempts.
    private const double Errors = 2.5;

    /// <summary>Whether the gate lets it pass.</summary>
    public bool Passed => Outcome is Outcome.Ok or Outcome.Faster or Outcome.Unknown;

    /// <summary>Change against the baseline, as a fraction.</summary>
    public double? Change => Measured.Ratio / BaselineRatio - 1;

    /// <summary>Compares a measurement with its baseline.</summary>
    public static Verdict Of(Measurement measured, Baseline baseline, string? machine, int attempts = 1)
    {
        double? ratio = baseline.RatioOf(machine, measured.Kernel, measured.Operation);
        long? bytes = baseline.Allocations.TryGetValue(measured.Operation, out long known) ? known : null;
        double margin = Errors * measured.RelativeError;
        double tolerance = measured is { Work: null, IsLarge: false } ? Tolerance : InferenceTolerance;
        Outcome outcome =
            measured.AllocatedBytes != bytes ? Outcome.Allocations
            : measured.Work is { } work && !baseline.Knows(measured.Operation, work) ? Outcome.Work
            : measured.Sizes is { } sizes && !baseline.Knows(measured.Operation, sizes) ? Outcome.Work
            : ratio is null ? Outcome.Unknown
            : measured.Ratio * (1 - margin) > ratio * (1 + tolerance) ? Outcome.Slower
            : measured.Ratio * (1 + margin) < ratio * (1 - tolerance) ? Outcome.Faster
            : Outcome.Ok;
        return new Verdict(measured, ratio, bytes, outcome, attempts);
    }
}

/// <summary>What the gate found.</summary>
/// <param name="Machine">Key of this machine in the baseline.</param>
/// <param name="TimesCompared">Whether the baseline knows this machine.</param>
/// <param name="Passed">Whether no operation regressed.</param>
/// <param name="SlowDownPercent">How much the operations were slowed down on purpose.</param>
/// <param name="Operations">All of them.</param>
internal sealed record GateReport(
    string? Machine, bool TimesCompared, bool Passed, double SlowDownPercent, IReadOnlyList<Verdict> Operations);
