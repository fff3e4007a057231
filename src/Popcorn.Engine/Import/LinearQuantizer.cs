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
/// <param name="readers">Who reads which node.</param>
/// <param name="values">The values of the nodes so far.</param>
internal sealed class LinearQuantizer(
    LayerBuilder builder, WeightQuantizer weights, Calibration? calibration, FloatReaders readers,
    IReadOnlyDictionary<FloatNode, QuantizedValue> values)
{
    /// <summary>The value of a linear node.</summary>
    /// <param name="linear">The node.</param>
    /// <param name="source">What it reads.</param>
    /// <param name="uniform">Whether all channels must have one scale.</param>
    /// <param name="offset">The offset that all channels must have; by default what their reader wants.</param>
    public QuantizedValue Convert(FloatLinear linear, QuantizedValue source, bool uniform, double? offset = null)
    {
        double target = offset ?? TargetOf(linear);
        bool feedsSteps = readers.Of(linear) is { Count: > 0 } all && all.All(r => r is FloatSteps);
        FoldedLinear folded = FoldedLinear.Of(linear, source, target);
        QuantizedLinear quantized = uniform
            ? weights.Uniform(folded)
            : weights.PerChannel(folded, DemandOf(linear), feedsSteps);
        if (calibration?.InputsOf(builder.Layers.Count, linear.Name) is { } inputs)
        {
            WeightQuantizer.Calibrate(folded, quantized, inputs);
        }

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

    /// <summary>A scale and a shift of each channel, as a linear layer of its own.</summary>
    public QuantizedValue Convert(FloatAffine affine, QuantizedValue source, bool uniform) => Convert(
        FloatLinear.Pointwise(affine.Name, affine.Source, affine.Scale, affine.Shift), source, uniform,
        TargetOf(affine));

    /// <summary>The same value with one offset, maybe one scale, in all channels: through a layer of its own.</summary>
    public QuantizedValue Aligned(string name, QuantizedValue value, bool uniform, double offset = 0)
    {
        int channels = value.Shape.Channels;
        double[] ones = [.. Enumerable.Repeat(1.0, channels)];
        FloatLinear identity = FloatLinear.Pointwise(
            name, new FloatInput(name, value.Shape), ones, new double[channels]);
        return Convert(identity, value, uniform, offset);
    }

    /// <summary>The offset that the reader of a node wants its channels to have.</summary>
    private double TargetOf(FloatNode node) => readers.Of(node) is [FloatClip clip] ? clip.Low : 0;

    /// <summary>What the reader of a linear layer wants of its steps.</summary>
    private StepDemand DemandOf(FloatLinear linear) => readers.Of(linear) switch
    {
        [FloatClip { High: < double.PositiveInfinity } clip] => StepDemand.Dividing(clip.High - clip.Low),
        [FloatAdd add] when values.TryGetValue(
            add.Sources[add.Source == linear ? 1 : 0], out QuantizedValue? other) => StepDemand.Matching(other.Scales),
        _ => StepDemand.None,
    };
}
