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
    /// <summary>Greatest magnitude of a channel's integers.</summary>
    public double Magnitude(int channel) =>
        (double)BigInteger.Max(BigInteger.Abs(Bounds[channel].Low), BigInteger.Abs(Bounds[channel].High));

    public bool IsConstant(int channel) => Bounds[channel].Low == Bounds[channel].High;

    public bool HasOffset(double offset) => Array.TrueForAll(Offsets, o => o == offset);
}
