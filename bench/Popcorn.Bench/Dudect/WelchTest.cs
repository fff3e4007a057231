namespace Popcorn.Bench.Dudect;

/// <summary>Two classes of times compared, over all of them or over the shorter ones alone.</summary>
/// <param name="Statistic">Welch's t: the difference of the means in units of its standard error.</param>
/// <param name="KeptFraction">How much was kept, counted from the shortest.</param>
/// <param name="Difference">Mean of the second class less that of the first.</param>
/// <param name="Mean">Mean of the first class.</param>
internal sealed record WelchTest(double Statistic, double KeptFraction, double Difference, double Mean)
{
    /// <summary>
    /// Interruptions make the long times, the same in both classes, and would drown a difference: so it is looked for
    /// among the shorter ones too.
    /// </summary>
    private static readonly double[] Crops = [1, 0.99, 0.95, 0.9, 0.75, 0.5];

    /// <summary>The strongest evidence over all crops.</summary>
    /// <param name="first">Times of one class.</param>
    /// <param name="second">Times of the other.</param>
    public static WelchTest Strongest(IReadOnlyList<double> first, IReadOnlyList<double> second)
    {
        double[] pooled = [.. first.Concat(second).Order()];
        return Crops
            .Select(crop =>
            {
                double limit = pooled[(int)Math.Ceiling(crop * pooled.Length) - 1];
                return Compare(first.Where(Kept), second.Where(Kept), crop);
                bool Kept(double time) => time <= limit;
            })
            .MaxBy(test => Math.Abs(test.Statistic))!;
    }

    private static WelchTest Compare(IEnumerable<double> first, IEnumerable<double> second, double kept)
    {
        (double firstMean, double firstError) = Moments([.. first]);
        (double secondMean, double secondError) = Moments([.. second]);
        double difference = secondMean - firstMean;
        double error = firstError + secondError;

        // A crop that leaves a class without spread, or nearly empty, is no evidence of anything.
        double statistic = error > 0 ? difference / Math.Sqrt(error) : 0;
        return new WelchTest(statistic, kept, difference, firstMean);
    }

    /// <summary>Mean, and the square of its standard error.</summary>
    private static (double Mean, double SquaredError) Moments(double[] times)
    {
        if (times.Length < 2)
        {
            return (0, 0);
        }

        double mean = times.Average();
        double variance = times.Sum(time => (time - mean) * (time - mean)) / (times.Length - 1);
        return (mean, variance / times.Length);
    }
}
