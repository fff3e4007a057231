using System.Numerics;
using Popcorn.Engine.Compression;
using Popcorn.Engine.Model;

namespace Popcorn.Engine.Import;

/// <summary>
/// Makes integer layers of linear nodes: they take the scales and offsets of what they read into their weights, biases
/// and padding, and <see cref="WeightQuantizer"/> chooses a step for each output channel: the scale of their output.
/// </summary>
/// <param name="builder">Takes the layers.</param>
/// <param name="weights">Rounds the weights.</param>
/// <param name="calibration">What the same layers read, rounded to the nearest; or none.</param>
/// <param name="demands">Which channels shall be finer; takes what these layers want of those before them.</param>
/// <param name="readers">Who reads which node.</param>
/// <param name="values">The values of the nodes so far.</param>
/// <param name="isNarrow">Whether values are kept to few bits before they are multiplied.</param>
internal sealed class LinearQuantizer(
    LayerBuilder builder, WeightQuantizer weights, Calibration? calibration, ScaleDemands demands, FloatReaders readers,
    IReadOnlyDictionary<FloatNode, QuantizedValue> values, bool isNarrow)
{
    /// <summary>The value of a linear node.</summary>
    /// <param name="linear">The node.</param>
    /// <param name="source">What it reads.</param>
    /// <param name="uniform">Whether all channels must have one scale.</param>
    /// <param name="offset">The offset that all channels must have; by default what their reader wants.</param>
    /// <param name="aligns">Whether all that it does is to give one scale to values of all bits.</param>
    public QuantizedValue Convert(
        FloatLinear linear, QuantizedValue source, bool uniform, double? offset = null, bool aligns = false)
    {
        double target = offset ?? TargetOf(linear);
        bool feedsSteps = readers.Of(linear) is { Count: > 0 } all && all.All(r => r is FloatSteps);
        FoldedLinear folded = FoldedLinear.Of(linear, source, target);
        QuantizedLinear quantized = uniform
            ? weights.Uniform(folded)
            : weights.PerChannel(folded, DemandOf(linear), feedsSteps);
        if (!feedsSteps && (!isNarrow || aligns))
        {
            demands.Raise(linear.Source, weights.Demanded(folded, quantized, uniform));
        }

        if (calibration?.InputsOf(builder.Layers.Count, linear.Name) is { } inputs)
        {
            WeightQuantizer.Calibrate(folded, quantized, inputs);
        }
        else if (linear.Source is not FloatInput)
        {
            // What an image is on average nobody knows without samples; what a layer gives, about.
            WeightQuantizer.CorrectMeans(folded, quantized);
        }

        quantized = uniform ? quantized : Finer(quantized, demands.Of(linear));
        double[] steps = quantized.Steps;
        BigInteger[] bias = [.. folded.Bias.Select((b, o) => Rounding.Round(b / steps[o], linear.Name))];
        var layer = new LinearLayer(
            linear.Name, source.Index, linear.Shape, linear.Window, linear.Groups, quantized.Weights, bias)
        {
            Padding = [.. folded.Padding.Select(
                (p, i) => Rounding.Round(p / steps[i / linear.Window.Taps], linear.Name))],
        };
        // A comparison takes what rounding leaves of a bias, so that it decides exactly.
        double[] offsets = [.. bias.Select((b, o) =>
            target + (feedsSteps ? folded.Bias[o] - (double)b * steps[o] : 0))];
        return builder.Append(layer, steps, offsets, source);
    }

    /// <summary>The same in integers that are larger by a factor for each channel.</summary>
    private static QuantizedLinear Finer(QuantizedLinear quantized, double[]? factors)
    {
        if (factors is null)
        {
            return quantized;
        }

        int each = quantized.Weights.Length / factors.Length;
        return new QuantizedLinear(
            [.. quantized.Weights.Select((w, i) => w * (int)factors[i / each])],
            [.. quantized.Steps.Zip(factors, (s, f) => s / f)]);
    }

    /// <summary>A scale and a shift of each channel, as a linear layer of its own.</summary>
    public QuantizedValue Convert(FloatAffine affine, QuantizedValue source, bool uniform) => Convert(
        FloatLinear.Pointwise(affine.Name, affine.Source, affine.Scale, affine.Shift), source, uniform,
        TargetOf(affine));

    /// <summary>The same value with one offset, maybe one scale, in all channels: through a layer of its own.</summary>
    /// <param name="name">The layer's name.</param>
    /// <param name="node">The node whose value it is.</param>
    /// <param name="uniform">Whether all channels must have one scale.</param>
    /// <param name="offset">The offset.</param>
    public QuantizedValue Aligned(string name, FloatNode node, bool uniform, double offset = 0)
    {
        QuantizedValue value = values[node];
        int channels = value.Shape.Channels;
        double[] ones = [.. Enumerable.Repeat(1.0, channels)];
        FloatLinear identity = FloatLinear.Pointwise(name, node, ones, new double[channels]);
        return Convert(identity, value, uniform, offset, aligns: uniform) with { Statistics = value.Statistics };
    }

    /// <summary>The offset that the reader of a node wants its channels to have.</summary>
    private double TargetOf(FloatNode node) => readers.Of(node) is [FloatClip clip] ? clip.Low : 0;

    /// <summary>What the reader of a linear layer wants of its steps.</summary>
    private StepDemand DemandOf(FloatLinear linear) => readers.Of(linear) switch
    {
        [FloatClip { High: < double.PositiveInfinity } clip] => StepDemand.Dividing(clip.High - clip.Low),
        [FloatAdd add] when values.TryGetValue(
            add.Sources[add.Source == linear ? 1 : 0], out QuantizedValue? other) => StepDemand.Matching(other),
        _ => StepDemand.None,
    };
}
