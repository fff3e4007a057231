using System.Numerics;
using Popcorn.Engine.Model;

namespace Popcorn.Engine.Import;

/// <summary>
/// Keeps activations to some bits: before values are multiplied, their low bits are shifted out, and what hardly any
/// reaches is cut off. The shift is a floor; half of what it drops goes into the biases before it, so that values are
/// rounded to the nearest, at no cost.
/// </summary>
/// <param name="builder">Takes the layers.</param>
/// <param name="values">The values of the nodes so far; that of a node's source changes where its bias does.</param>
/// <param name="demands">Takes which channels shall be finer, so that dropped bits matter alike in all.</param>
/// <param name="readers">Who reads which node.</param>
/// <param name="bits">Bits that an activation keeps.</param>
/// <param name="isSampled">Whether statistics come from sample data rather than from invented images.</param>
internal sealed class Requantizer(
    LayerBuilder builder, Dictionary<FloatNode, QuantizedValue> values, ScaleDemands demands, FloatReaders readers,
    int bits, bool isSampled)
{
    /// <summary>Bits more than wanted that a value may have, if it needs no comparison otherwise.</summary>
    private const int Slack = 2;

    /// <summary>Bits of the largest value that was seen that may be cut off.</summary>
    private const int MostCutBits = 6;

    /// <summary>A channel is made finer by this at most: its weights grow as much.</summary>
    private const int MostFiner = 8;

    /// <summary>The same of a sum, where it is a local factor.</summary>
    private const int MostInSums = 1 << 16;

    /// <summary>A channel that loses less than this part of what the median one loses is fine enough.</summary>
    private const double BorneNoise = 0.25;

    /// <summary>Values may be so many times as large as those of invented images.</summary>
    private const double Headroom = 2;

    /// <summary>The value of a node with fewer bits, where products follow.</summary>
    /// <param name="node">The node.</param>
    /// <param name="value">Its value.</param>
    public QuantizedValue Narrowed(FloatNode node, QuantizedValue value) => node switch
    {
        FloatInput or FloatSteps or FloatConcat => value,
        _ when !IsMultiplied(node) => value,
        FloatRelu or FloatMaxPool { WithZero: true } or FloatSquare => Saturated(node, value),
        FloatClip => Shifted(node, value),
        _ => BitsOf(value) > bits + Slack ? Shifted(node, value) : value,
    };

    private static int BitsOf(QuantizedValue value) => value.Bounds.Max(b => b.MagnitudeBits);

    /// <summary>Whether a node's value enters products as it is, through nodes that only move it.</summary>
    private bool IsMultiplied(FloatNode node) => readers.Of(node).Any(reader => reader switch
    {
        FloatLinear or FloatSquare => true,
        FloatAffine or FloatConcat => IsMultiplied(reader),
        _ => false,
    });

    /// <summary>min(max(x, 0) >> t, 2^A − 1) in place of a rectifier, or behind a square.</summary>
    private QuantizedValue Saturated(FloatNode node, QuantizedValue value)
    {
        double[] importance = ImportanceOf(node);
        int shift = BestShift(value, importance);
        if (shift == 0 && BitsOf(value) <= bits)
        {
            return value;
        }

        Demand(node, value, importance, shift);
        Layer layer = builder.Layers[^1];
        BigInteger half = layer is SquareLayer ? 0 : HalfOf(shift);
        QuantizedValue source = TakeBack(node, ref half);
        if (layer is not ReluLayer)
        {
            layer = layer is MaxPoolLayer pool ? pool with { WithZero = false } : layer;
            source = builder.Append(layer, value.Scales, value.Offsets, source);
        }

        return Append(new ShiftLayer(node.Name, source.Index, value.Shape, shift, bits), source, value, half);
    }

    /// <summary>x >> t behind a node whose values are bounded otherwise, or may be negative.</summary>
    private QuantizedValue Shifted(FloatNode node, QuantizedValue value)
    {
        int shift = ShiftFor(value);
        if (shift <= 0)
        {
            return value;
        }

        Demand(node, value, ImportanceOf(node), shift);
        BigInteger half = HalfOf(shift);
        QuantizedValue source = builder.ValueOf(builder.Layers.Count);
        switch (builder.Layers[^1])
        {
            case ClipLayer clip:
                source = TakeBack(node, ref half);
                BigInteger raise = half;
                clip = clip with { Caps = Array.ConvertAll(clip.Caps, cap => cap + raise) };
                source = builder.Append(clip, value.Scales, value.Offsets, source);
                break;
            case LinearLayer linear when source.Index == value.Index:
                source = builder.ReplaceLast(Raised(linear, half));
                break;
            default:
                half = 0;
                break;
        }

        return Append(
            new ShiftLayer($"{node.Name}/shift", source.Index, value.Shape, shift, SaturationBits: 0), source, value,
            half);
    }

    private static BigInteger HalfOf(int shift) => shift == 0 ? 0 : BigInteger.One << (shift - 1);

    private static LinearLayer Raised(LinearLayer layer, BigInteger half) =>
        layer with { Bias = Array.ConvertAll(layer.Bias, b => b + half) };

    /// <summary>
    /// Takes the last layer away and returns what it read: with a half in the biases of the linear layer that made it,
    /// if that is the one before and nobody else reads it.
    /// </summary>
    /// <param name="node">The node whose layer goes.</param>
    /// <param name="half">What to add; receives 0 where it cannot be.</param>
    private QuantizedValue TakeBack(FloatNode node, ref BigInteger half)
    {
        QuantizedValue source = builder.ValueOf(builder.Layers[^1].Input);
        builder.RemoveLast();
        bool isNodes = values.TryGetValue(node.Source, out QuantizedValue? read) && read.Index == source.Index;
        if (half.IsZero || source.Index == 0 || source.Index != builder.Layers.Count
            || (isNodes && readers.Of(node.Source).Count > 1) || builder.Layers[^1] is not LinearLayer linear)
        {
            half = 0;
            return source;
        }

        double shift = (double)half;
        source = builder.ReplaceLast(Raised(linear, half));
        if (isNodes)
        {
            double[] offsets = [.. source.Offsets.Zip(source.Scales, (o, s) => o - s * shift)];
            values[node.Source] = read! with { Offsets = offsets, Bounds = source.Bounds };
        }

        return source;
    }

    /// <summary>
    /// Wants channels finer that use fewer of the bits that are kept, as far as they have room, unless what they lose
    /// is little beside the others' losses.
    /// </summary>
    private void Demand(FloatNode node, QuantizedValue value, double[] importance, int shift)
    {
        int mostFiner = ScaleDemands.IsSum(node) ? MostInSums : MostFiner;
        double[] now = demands.Made(node);
        double[] noise = [.. value.Scales.Select((s, c) => importance[c] * s * s * now[c] * now[c])];
        double[] largest = [.. now.Select((k, c) => Math.Min(LargestOf(value, c), Math.Pow(2, bits + shift)) / k)];
        double most = largest.Max();
        double[] heard = [.. noise.Where((n, c) => n > 0 && largest[c] >= 1).Order()];
        double borne = heard.Length == 0 ? double.PositiveInfinity : BorneNoise * heard[heard.Length / 2];
        demands.Assign(node, [.. noise.Select((n, c) => largest[c] < 1 ? 1
            : Math.Clamp(Math.Floor(Math.Min(most / largest[c], Math.Ceiling(Math.Sqrt(n / borne)))), 1, mostFiner))]);
    }

    /// <summary>The shift that brings all values that were seen, and some more, below 2^A.</summary>
    private int ShiftFor(QuantizedValue value)
    {
        double largest = Enumerable.Range(0, value.Shape.Channels).Max(c => LargestOf(value, c));
        int shift = (int)Math.Ceiling(Math.Log2(largest + 1)) - bits;
        return Math.Clamp(shift, 0, NetworkValidator.MaxShift);
    }

    /// <summary>The largest magnitude that a channel's integers had, and some more, if they can.</summary>
    private double LargestOf(QuantizedValue value, int channel)
    {
        ChannelStatistics seen = value.Statistics!;
        double offset = value.Offsets[channel];
        double largest = Math.Max(Math.Abs(seen.Minima[channel] - offset), Math.Abs(seen.Maxima[channel] - offset));
        return Math.Min(largest / value.Scales[channel] * (isSampled ? 1 : Headroom), value.Magnitude(channel));
    }

    /// <summary>
    /// The shift with the least error on the samples: what is dropped, and what is cut off, weighed by the readers'
    /// weights.
    /// </summary>
    private int BestShift(QuantizedValue value, double[] importance)
    {
        double[][] integers = [.. Enumerable.Range(0, value.Shape.Channels).Select(c => IntegersOf(value, c))];
        int most = ShiftFor(value), best = most;
        double least = double.PositiveInfinity;
        for (int shift = most; shift >= Math.Max(0, most - MostCutBits); shift--)
        {
            double error = 0;
            for (int c = 0; c < value.Shape.Channels; c++)
            {
                double weight = importance[c] * value.Scales[c] * value.Scales[c];
                error += weight * ErrorOf(integers[c], shift);
            }

            if (error < least)
            {
                (best, least) = (shift, error);
            }
        }

        return best;
    }

    /// <summary>The samples of a channel, as integers.</summary>
    private static double[] IntegersOf(QuantizedValue value, int channel) => Array.ConvertAll(
        value.Statistics!.Values[channel], v => (v - value.Offsets[channel]) / value.Scales[channel]);

    private double ErrorOf(double[] integers, int shift)
    {
        double step = Math.Pow(2, shift), most = Math.Pow(2, bits) - 1, error = 0;
        double reach = isSampled ? 1 : Headroom;
        foreach (double x in integers)
        {
            double rounding = x - step * Math.Clamp(Math.Floor(x / step + 0.5), 0, most);
            double cut = Math.Max(0, reach * x - step * most);
            error += Math.Max(rounding * rounding, cut * cut);
        }

        return error / integers.Length;
    }

    /// <summary>What an error of each channel weighs in the layers that read it: its squared weights.</summary>
    private double[] ImportanceOf(FloatNode node)
    {
        int channels = node.Shape.Channels;
        var importance = new double[channels];
        foreach (FloatLinear linear in readers.Of(node).OfType<FloatLinear>())
        {
            for (int i = 0; i < linear.Weights.Length; i++)
            {
                double weight = linear.Weights[i];
                importance[linear.InputChannelOf(i / linear.WeightsPerOutput, i % linear.WeightsPerOutput)] +=
                    weight * weight;
            }
        }

        return Array.TrueForAll(importance, w => w == 0)
            ? [.. Enumerable.Repeat(1.0, channels)]
            : importance;
    }

    /// <summary>Appends a shift, and notes what its integers lose on average.</summary>
    private QuantizedValue Append(ShiftLayer shift, QuantizedValue source, QuantizedValue exact, BigInteger half)
    {
        double step = Math.Pow(2, shift.Shift), least = shift.SaturationBits > 0 ? 0 : double.NegativeInfinity;
        double most = shift.SaturationBits > 0 ? Math.Pow(2, shift.SaturationBits) - 1 : double.PositiveInfinity;
        double[] drifts = [.. Enumerable.Range(0, exact.Shape.Channels).Select(
            c => IntegersOf(exact, c).Average(Lost) * exact.Scales[c] + exact.Drifts[c])];
        double[] scales = Array.ConvertAll(exact.Scales, s => s * step);
        return builder.Append(shift, scales, exact.Offsets, source) with
        {
            Statistics = exact.Statistics,
            Drifts = drifts,
        };

        double Lost(double x) => x - step * Math.Clamp(Math.Floor((x + (double)half) / step), least, most);
    }
}
