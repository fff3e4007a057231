using System.Numerics;
using Popcorn.Engine.Model;

namespace Popcorn.Engine.Import;

/// <summary>What stands for a node's value in the integer network.</summary>
/// <param name="Index">Its number: see <see cref="Layer"/>.</param>
/// <param name="Shape">Its shape.</param>
/// <param name="Scales">Real value = integer × scale + offset, by channel; positive.</param>
/// <param name="Offsets">See <paramref name="Scales"/>.</param>
/// <param name="Bounds">What the integers can be, by channel.</param>
internal sealed record QuantizedValue(int Index, Shape Shape, double[] Scales, double[] Offsets, Interval[] Bounds)
{
    /// <summary>What the real values are by experience, by channel; known of values of nodes.</summary>
    public ChannelStatistics? Statistics { get; init; }

    /// <summary>
    /// How much larger the real values are on average than integer × scale + offset, by channel: what dropped bits
    /// leave. Whoever weighs the value adds it to its bias.
    /// </summary>
    public double[] Drifts { get; init; } = new double[Shape.Channels];

    /// <summary>Greatest magnitude of a channel's integers.</summary>
    public double Magnitude(int channel) =>
        (double)BigInteger.Max(BigInteger.Abs(Bounds[channel].Low), BigInteger.Abs(Bounds[channel].High));

    public bool IsConstant(int channel) => Bounds[channel].Low == Bounds[channel].High;

    public bool HasOffset(double offset) => Array.TrueForAll(Offsets, o => o == offset);

    /// <summary>Mean of a channel's integers, by experience; without any the middle of what is possible.</summary>
    public double Mean(int channel) => Statistics is { } seen
        ? (seen.Means[channel] - Offsets[channel]) / Scales[channel]
        : (double)(Bounds[channel].Low + Bounds[channel].High) / 2;

    /// <summary>Root mean square of a channel's integers, by experience; else half of what is possible.</summary>
    public double Size(int channel)
    {
        if (Statistics is not { } seen)
        {
            return Magnitude(channel) / 2;
        }

        double square = seen.RootMeanSquares[channel] * seen.RootMeanSquares[channel];
        double offset = Offsets[channel];
        return Math.Sqrt(Math.Max(0, square - 2 * offset * seen.Means[channel] + offset * offset)) / Scales[channel];
    }
}
