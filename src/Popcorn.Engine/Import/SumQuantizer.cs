using Popcorn.Engine.Model;

namespace Popcorn.Engine.Import;

/// <summary>Makes integer layers of sums: small integer factors align the scales of the two values.</summary>
internal sealed class SumQuantizer(LayerBuilder builder, ScaleDemands demands)
{
    /// <summary>Greatest factor of a sum.</summary>
    private const int MostRatio = 1 << 24;

    /// <summary>What a ratio beyond that is brought down to.</summary>
    private const double LeastLeft = 1 << 12;

    /// <summary>Factors that align two scales are off by this share of them at most.</summary>
    private const double AlignmentError = 1.0 / 512;

    public QuantizedValue Convert(FloatAdd add, QuantizedValue first, QuantizedValue second)
    {
        first = Within(first, second, add.Name);
        second = Within(second, first, add.Name);
        int channels = add.Shape.Channels;
        int[] factors = new int[channels], secondFactors = new int[channels];
        double[] scales = new double[channels], offsets = new double[channels];
        double[] finer = demands.Of(add) ?? [.. Enumerable.Repeat(1.0, channels)];
        var rest = new double[channels];
        for (int c = 0; c < channels; c++)
        {
            (factors[c], secondFactors[c], scales[c]) = Align(first, second, c, add.Name);
            offsets[c] = first.Offsets[c] + second.Offsets[c]
                + (factors[c] == 0 ? Constant(first, c) : 0) + (secondFactors[c] == 0 ? Constant(second, c) : 0);
            int most = int.MaxValue / Math.Max(1, Math.Max(factors[c], secondFactors[c]));
            int part = (int)Math.Min(finer[c], most);
            rest[c] = Math.Round(finer[c] / part);
            factors[c] *= part;
            secondFactors[c] *= part;
            scales[c] /= part;
        }

        var layer = new AddLayer(add.Name, first.Index, second.Index, add.Shape, factors, secondFactors);
        QuantizedValue sum = builder.Append(layer, scales, offsets, first, second) with
        {
            Drifts = [.. first.Drifts.Zip(second.Drifts, (a, b) => a + b)],
        };
        return builder.Finer($"{add.Name}/scale", sum, rest);
    }

    /// <summary>A value with scales so fine that no factor for it outgrows the greatest.</summary>
    private QuantizedValue Within(QuantizedValue value, QuantizedValue other, string name)
    {
        double[] factors = [.. Enumerable.Range(0, value.Shape.Channels).Select(c =>
        {
            double ratio = value.Scales[c] / other.Scales[c];
            bool isFine = value.IsConstant(c) || other.IsConstant(c) || ratio <= MostRatio;
            // What is left of the ratio is rounded well, whatever it is.
            return isFine ? 1 : Math.Round(ratio / LeastLeft);
        })];
        return builder.Finer($"{name}/scale", value, factors);
    }

    /// <summary>
    /// The factors of a channel, and the scale of its sum. What is constant has no say in the scale: where the other's
    /// is not a part of its own, it becomes an offset.
    /// </summary>
    private static (int First, int Second, double Scale) Align(
        QuantizedValue first, QuantizedValue second, int channel, string name)
    {
        double a = first.Scales[channel], b = second.Scales[channel];
        if (second.IsConstant(channel))
        {
            return (1, OfConstant(b / a), a);
        }

        if (first.IsConstant(channel))
        {
            return (OfConstant(a / b), 1, b);
        }

        (int large, int small) = Ratio(Math.Max(a, b) / Math.Min(a, b), name);
        // The larger value decides: its error would weigh most.
        return a > b ? (large, small, a / large) : (small, large, b / large);
    }

    /// <summary>The factor of a constant whose scale is so many of the other's; 0 where that is not whole.</summary>
    private static int OfConstant(double ratio) =>
        ratio <= MostRatio && Math.Abs(Math.Round(ratio) / ratio - 1) <= AlignmentError ? (int)Math.Round(ratio) : 0;

    private static double Constant(QuantizedValue value, int channel) =>
        (double)value.Bounds[channel].Low * value.Scales[channel];

    /// <summary>Two small integers in a ratio of at least 1, close enough.</summary>
    private static (int Large, int Small) Ratio(double ratio, string name)
    {
        if (!(ratio <= MostRatio))
        {
            throw new PopcornException(
                $"This network cannot be imported: '{name}' adds values whose scales are {ratio:G2} to 1 apart. "
                + "Train it with normalisation.");
        }

        int small = 1;
        while (Math.Abs(Math.Round(small * ratio) / (small * ratio) - 1) > AlignmentError)
        {
            small++;
        }

        return ((int)Math.Round(small * ratio), small);
    }
}
