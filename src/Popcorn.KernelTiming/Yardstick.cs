using Popcorn.Interop;

namespace Popcorn.KernelTiming;

/// <summary>What operations are timed beside: a ratio to it compares between machines, where times do not.</summary>
/// <param name="Units">How many of it are timed at once.</param>
/// <param name="Measure">Times them.</param>
internal sealed record Yardstick(int Units, Func<TimeSpan> Measure)
{
    /// <summary>GMP's modular power, for arithmetic on large numbers.</summary>
    public static Yardstick Powm { get; } = new(1, () => PaillierLibrary.MeasureReferencePowm(1));
}
