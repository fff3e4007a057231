namespace Popcorn.Cli.Measurement;

/// <summary>What was measured of one operation.</summary>
/// <param name="Operation">The operation.</param>
/// <param name="Microseconds">Per unit: the best run, or of a search the mean.</param>
/// <param name="RatioToReference">By the reference's best time, or of a search by its mean time.</param>
/// <param name="RelativeError">Of a search, the standard error of its mean, as a fraction of it; otherwise 0.</param>
internal sealed record Timing(
    KernelOperation Operation, double Microseconds, double RatioToReference, double RelativeError);

/// <summary>What one run of the timer gave.</summary>
/// <param name="ReferenceMicroseconds">The reference's best time.</param>
/// <param name="Operations">One timing for each operation, in their order.</param>
internal sealed record Timings(double ReferenceMicroseconds, IReadOnlyList<Timing> Operations);
