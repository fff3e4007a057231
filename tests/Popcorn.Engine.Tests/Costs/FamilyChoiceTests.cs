using Popcorn.Engine.Costs;
using Popcorn.Engine.Tests.Protocols;

namespace Popcorn.Engine.Tests.Costs;

public class FamilyChoiceTests
{
    /// <summary>Little traffic and much to compute; few bytes and many rounds; the other way round.</summary>
    private static readonly FamilyForecast[] Forecasts =
        [Forecast(10, 1_000_000, 2), Forecast(1, 1_000_000, 100), Forecast(1.5, 400_000_000, 3)];

    [Fact]
    public void A_link_adds_delays_and_transfer()
    {
        Prediction predicted = Forecasts[1].Inspection.Predicted;
        Assert.Equal(1, NetworkLink.None.SecondsOf(predicted));
        Assert.Equal(1 + 100 * 2 * 0.02, new NetworkLink(20, 0).SecondsOf(predicted), 9);
        Assert.Equal(1 + 0.8, new NetworkLink(0, 10).SecondsOf(predicted), 9);
        Assert.Equal(1 + 4 + 0.8, new NetworkLink(20, 10).SecondsOf(predicted), 9);
    }

    [Theory]
    [InlineData(0, 0, "1, 2, 0")]
    [InlineData(50, 0, "2, 0, 1")]
    [InlineData(0, 10, "1, 0, 2")]
    [InlineData(100, 10, "0, 1, 2")]
    public void The_cheapest_for_the_link_comes_first(double delay, double bandwidth, string order)
    {
        IReadOnlyList<FamilyForecast> ordered = FamilyChoice.Order(Forecasts, new NetworkLink(delay, bandwidth));
        Assert.Equal(order, string.Join(", ", ordered.Select(forecast => Array.IndexOf(Forecasts, forecast))));
    }

    [Fact]
    public void Of_equals_the_first_comes_first()
    {
        FamilyForecast[] equal = [Forecast(1, 10, 1), Forecast(1, 10, 1)];
        Assert.Same(equal[0], FamilyChoice.Order(equal, new NetworkLink(1, 1))[0]);
    }

    private static FamilyForecast Forecast(double seconds, long bytes, int rounds) => new(
        new NoOpFamily(), new Inspection([], new Prediction(seconds, 0, 0, bytes / 4, bytes / 4 * 3, rounds, 0, 0)));
}
