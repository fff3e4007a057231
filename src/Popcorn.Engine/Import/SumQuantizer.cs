using System.Numerics;
using Popcorn.Engine.Model;

namespace Popcorn.Engine.Import;

/// <summary>Makes integer layers of sums: small integer factors align the scales of the two values.</summary>
internal sealed class SumQuantizer(LayerBuilder builder)
{
    /// <summary>Greatest factor of a sum.</summary>
    private const int MostRatio = 1 << 24;

    /// <summary>Factors that align two scales are off by this share of them at most.</summary>
    private const double AlignmentError = 1.0 / 512;

    public QuantizedValue Convert(FloatAdd add, QuantizedValue first, QuantizedValue second)
    {
        first = Within(first, second, add.Name);
        second = Within(second, first, add.Name);
        int channels = add.Shape.Channels;
        int[] factors = new int[channels], secondFactors = new int[channels];
        var scales = new double[channels];
        for (int c = 0; c < channels; c++)
        {
            (factors[c], secondFactors[c]) = Align(first.Scales[c], second.Scales[c]);
            // The larger value decides: its error would weigh most.
            scales[c] = first.Scales[c] > second.Scales[c]
                ? first.Scales[c] / factors[c]
                : second.Scales[c] / secondFactors[c];
        }

        var layer = new AddLayer(add.Name, first.Index, second.Index, add.Shape, factors, secondFactors);
        double[] offsets = [.. first.Offsets.Zip(second.Offsets, (a, b) => a + b)];
        return builder.Append(layer, scales, offsets, first, second);
    }

    /// <summary>A value with scales so fine that no factor for it outgrows the greatest.</summary>
    private QuantizedValue Within(QuantizedValue value, QuantizedValue other, string name)
    {
        while (value.Scales.Zip(other.Scales, (a, b) => a / b).Max() > MostRatio)
        {
            value = Finer(name, value);
        }

        return value;
    }

    /// <summary>The same value in integers that are larger by the greatest factor a sum can have.</summary>
    private QuantizedValue Finer(string name, QuantizedValue value)
    {
        Shape shape = value.Shape;
        int[] factors = [.. Enumerable.Repeat(MostRatio, shape.Channels)];
        var layer = new LinearLayer(
            $"{name}/scale", value.Index, shape, Window.Pointwise(shape.Height, shape.Width), shape.Channels, factors,
            new BigInteger[shape.Channels]);
        return builder.Append(layer, Array.ConvertAll(value.Scales, s => s / MostRatio), value.Offsets, value);
    }

    /// <summary>Two small integers in the ratio of two scales, close enough.</summary>
    private static (int First, int Second) Align(double first, double second)
    {
        double ratio = Math.Max(first, second) / Math.Min(first, second);
        if (ratio > 64.0 * MostRatio)
        {
            throw new PopcornException(
                "This network cannot be imported: it adds values whose channels differ too widely in scale. "
                + "Train it with normalisation.");
        }

        int small = 1;
        while (Math.Abs(Math.Round(small * ratio) / (small * ratio) - 1) > AlignmentError)
        {
            small++;
        }

        int large = (int)Math.Round(small * ratio);
        return first > second ? (large, small) : (small, large);
    }
}
