using Popcorn.Bench.Dudect;

namespace Popcorn.Bench.Tests;

public sealed class WelchTestTests
{
    [Fact]
    public void Statistic_is_that_of_the_textbook()
    {
        // Means 3 and 5, variances 2.5 and 10, five of each: t = 2 / sqrt(2.5/5 + 10/5). No crop shows more.
        WelchTest test = WelchTest.Strongest([1, 2, 3, 4, 5], [1, 3, 5, 7, 9]);
        Assert.Equal(2 / Math.Sqrt(2.5), test.Statistic, precision: 12);
        Assert.Equal(2, test.Difference, precision: 12);
        Assert.Equal(3, test.Mean, precision: 12);
        Assert.Equal(1, test.KeptFraction);
    }

    [Fact]
    public void A_small_difference_is_seen_beneath_interruptions()
    {
        (double[] first, double[] second) = Noisy(shift: 0.005);
        WelchTest test = WelchTest.Strongest(first, second);
        Assert.True(test.Statistic > 10, $"t = {test.Statistic}");
        Assert.True(test.KeptFraction < 1);
    }

    [Fact]
    public void No_difference_is_not_seen()
    {
        (double[] first, double[] second) = Noisy(shift: 0);
        double t = WelchTest.Strongest(first, second).Statistic;
        Assert.True(Math.Abs(t) < 4.5, $"t = {t}");
    }

    [Fact]
    public void Times_without_spread_are_no_evidence() =>
        Assert.Equal(0, WelchTest.Strongest([7, 7, 7], [7, 7, 7]).Statistic);

    /// <summary>Times of about 1; one in twenty is interrupted, for up to a hundred times as long.</summary>
    private static (double[] First, double[] Second) Noisy(double shift)
    {
        var random = new Random(5);
        return (Times(0), Times(shift));

        double[] Times(double offset) => [.. Enumerable.Range(0, 20_000).Select(_ =>
            1 + offset + (0.02 * random.NextDouble()) + (random.Next(20) == 0 ? 100 * random.NextDouble() : 0))];
    }
}
