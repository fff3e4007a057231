using Popcorn.Engine.Model;

namespace Popcorn.Engine.Import;

/// <summary>
/// Drops the bits of values that carry nothing, once there are twice as many as are wanted: a rescaling is a round of
/// its own, and pays where many bits go.
/// </summary>
internal sealed class Rescaler(LayerBuilder builder, int wantedBits)
{
    /// <summary>The value of a node, rescaled where it is a non-linear node's and has grown.</summary>
    public QuantizedValue Rescaled(FloatNode node, QuantizedValue value)
    {
        if (node is not (FloatRelu or FloatClip or FloatSquare or FloatMaxPool { WithZero: true }))
        {
            return value;
        }

        double size = TypicalSize(value);
        int shift = size > 0 ? (int)Math.Floor(Math.Log2(size)) + 1 - wantedBits : 0;
        if (shift < wantedBits || shift > NetworkValidator.MaxShift)
        {
            return value;
        }

        var layer = new RescaleLayer($"{node.Name}/rescale", value.Index, value.Shape, shift);
        double[] scales = Array.ConvertAll(value.Scales, s => s * Math.Pow(2, shift));
        return builder.Append(layer, scales, value.Offsets, value) with { Statistics = value.Statistics };
    }

    /// <summary>The size that the integers of most channels have: the median of their root mean squares.</summary>
    private static double TypicalSize(QuantizedValue value)
    {
        double[] sizes = [.. value.Scales.Select((scale, c) => value.Statistics!.RootMeanSquares[c] / scale)
            .Where(size => size > 0).Order()];
        return sizes.Length == 0 ? 0 : sizes[sizes.Length / 2];
    }
}
