namespace Popcorn.Engine.Import;

/// <summary>A comparison with a threshold: x ≥ threshold, or x ≤ threshold. Infinite: always, or never.</summary>
/// <param name="Threshold">The threshold; equality passes.</param>
/// <param name="Below">Whether it is passed from the threshold down.</param>
internal readonly record struct Cut(double Threshold, bool Below)
{
    private static readonly Cut Always = new(double.NegativeInfinity, false);
    private static readonly Cut Never = new(double.PositiveInfinity, false);

    /// <summary>The cut of u that says the same as this one of scale·u + shift.</summary>
    public Cut Before(double scale, double shift)
    {
        double threshold = (Threshold - shift) / scale;
        return scale == 0
            ? IsPassedBy(shift) ? Always : Never
            : double.IsInfinity(Threshold)
            ? IsPassedBy(0) ? Always : Never
            : new Cut(threshold, scale < 0 ? !Below : Below);
    }

    /// <summary>The cut of u that says the same as this one of a function that does not decrease.</summary>
    /// <param name="low">The function's infimum.</param>
    /// <param name="high">Its supremum.</param>
    /// <param name="attained">Whether it takes these two values.</param>
    /// <param name="inverse">Its inverse between the two.</param>
    public Cut Before(double low, double high, bool attained, Func<double, double> inverse)
    {
        // Where equality decides, the extremes count as values only if they are.
        if (Below)
        {
            return Threshold >= high ? Always
                : Threshold < low || (Threshold == low && !attained) ? Never
                : new Cut(inverse(Threshold), true);
        }

        return Threshold <= low ? Always
            : Threshold > high || (Threshold == high && !attained) ? Never
            : new Cut(inverse(Threshold), false);
    }

    /// <summary>The cut of u that says the same as this one of min(max(u, low), high).</summary>
    public Cut BeforeClip(double low, double high) => Before(low, high, attained: true, u => u);

    public bool IsPassedBy(double value) => Below ? value <= Threshold : value >= Threshold;
}
