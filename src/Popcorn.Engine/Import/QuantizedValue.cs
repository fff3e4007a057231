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

    /// <summary>Mean of a channel's integers, by experience.</summary>
    public double Mean(int channel) => (Statistics!.Means[channel] - Offsets[channel]) / Scales[channel];

    /// <summary>Root mean square of a channel's integers, by experience.</summary>
    public double Size(int channel)
    {
        double size = Statistics!.RootMeanSquares[channel], offset = Offsets[channel];
        double about = size * size - 2 * offset * Statistics.Means[channel] + offset * offset;
        return Math.Sqrt(Math.Max(0, about)) / Scales[channel];
    }
}
