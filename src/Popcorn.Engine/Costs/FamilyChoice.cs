using Popcorn.Engine.Protocols;

namespace Popcorn.Engine.Costs;

/// <summary>The network between two parties, as far as a choice needs to know it.</summary>
/// <param name="DelayMilliseconds">What a message takes from one party to the other.</param>
/// <param name="Mbit">Megabits a second; 0: any number.</param>
internal sealed record NetworkLink(double DelayMilliseconds, double Mbit)
{
    /// <summary>Messages arrive at once.</summary>
    public static NetworkLink None { get; } = new(0, 0);

    /// <summary>
    /// Seconds of an inference over the link: computing, a delay each way for every round, and all messages one after
    /// the other. What overlaps is not counted, so this compares families rather than foretells times.
    /// </summary>
    public double SecondsOf(Prediction predicted)
    {
        ArgumentNullException.ThrowIfNull(predicted);
        double transfer = Mbit == 0 ? 0 : (predicted.BytesUp + predicted.BytesDown) * 8 / (Mbit * 1e6);
        return predicted.Seconds + predicted.Rounds * 2 * DelayMilliseconds / 1000 + transfer;
    }
}

/// <summary>What an inference by a family will cost.</summary>
/// <param name="Family">The family.</param>
/// <param name="Inspection">The layers as it computes them, and the cost.</param>
internal sealed record FamilyForecast(Family Family, Inspection Inspection);

/// <summary>Which of several families is taken where nobody has asked for one.</summary>
internal static class FamilyChoice
{
    /// <summary>The forecasts, the cheapest for a link first; of equals the one that stood first.</summary>
    public static IReadOnlyList<FamilyForecast> Order(IEnumerable<FamilyForecast> forecasts, NetworkLink link) =>
        [.. forecasts.OrderBy(forecast => link.SecondsOf(forecast.Inspection.Predicted))];
}
