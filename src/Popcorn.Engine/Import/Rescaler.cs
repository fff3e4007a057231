using Popcorn.Engine.Model;

namespace Popcorn.Engine.Import;

/// <summary>
/// Drops the bits of values that carry nothing, once there are twice as many as are wanted: a rescaling is a round of
/// its own, and pays where many bits go.
/// </summary>
internal sealed class Rescaler(LayerBuilder builder, int wantedBits)
{
    private readonly Dictionary<FloatNode, Moments> _moments = [];

    /// <summary>The value of a node, rescaled where it is a non-linear node's and has grown.</summary>
    public QuantizedValue Rescaled(FloatNode node, QuantizedValue value)
    {
        Moments moments = node is FloatInput
            ? UniformInput(value)
            : Moments.Through(node, [.. node.Sources.Select(s => _moments[s])]);
        _moments[node] = moments;
        if (node is not (FloatRelu or FloatClip or FloatSquare or FloatMaxPool { WithZero: true }))
        {
            return value;
        }

        double size = moments.TypicalSize(value.Scales);
        int shift = size > 0 ? (int)Math.Floor(Math.Log2(size)) + 1 - wantedBits : 0;
        if (shift < wantedBits || shift > NetworkValidator.MaxShift)
        {
            return value;
        }

        var layer = new RescaleLayer($"{node.Name}/rescale", value.Index, value.Shape, shift);
        double[] scales = Array.ConvertAll(value.Scales, s => s * Math.Pow(2, shift));
        return builder.Append(layer, scales, value.Offsets, value);
    }

    private static Moments UniformInput(QuantizedValue input)
    {
        double[] low = [.. input.Bounds.Select((b, c) => (double)b.Low * input.Scales[c] + input.Offsets[c])];
        double[] high = [.. input.Bounds.Select((b, c) => (double)b.High * input.Scales[c] + input.Offsets[c])];
        return new Moments(
            [.. low.Zip(high, (l, h) => (l + h) / 2)], [.. low.Zip(high, (l, h) => (h - l) * (h - l) / 12)]);
    }
}
