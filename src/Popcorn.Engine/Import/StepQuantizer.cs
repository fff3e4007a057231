using System.Numerics;
using Popcorn.Engine.Model;

namespace Popcorn.Engine.Import;

/// <summary>
/// Makes integer layers of step functions. Comparisons need no scales: their thresholds become integers that decide
/// exactly as the real ones do.
/// </summary>
internal sealed class StepQuantizer(LayerBuilder builder)
{
    /// <summary>The value of a step function.</summary>
    /// <param name="steps">The node.</param>
    /// <param name="source">What it reads.</param>
    /// <param name="isOnlyReader">Whether nothing else reads that.</param>
    public QuantizedValue Convert(FloatSteps steps, QuantizedValue source, bool isOnlyReader)
    {
        int channels = steps.Shape.Channels;
        IntegerCut[] cuts = [.. steps.Cuts.Select((cut, i) =>
        {
            int channel = i / steps.Heights.Length;
            return IntegerCut.Of(cut, source.Scales[channel], source.Offsets[channel], steps.Name);
        })];
        (cuts, double low, double[] heights) = IntegerCut.Simplify(cuts, steps.Low, steps.Heights, channels);
        LinearLayer? before = heights.Length == 1 && isOnlyReader ? builder.LastLinear(source) : null;
        QuantizedValue compared = Compared(steps, cuts, source, before);
        QuantizedValue bits = builder.Append(
            new SignLayer(steps.Name, compared.Index, compared.Shape), Ones(cuts), new double[cuts.Length], compared);
        double unit = heights.Min();
        double[] scales = [.. Enumerable.Repeat(unit, channels)];
        double[] offsets = [.. Enumerable.Repeat(low, channels)];
        if (heights.Length == 1)
        {
            return bits with { Scales = scales, Offsets = offsets };
        }

        int[] weights = [.. Enumerable.Range(0, channels * heights.Length)
            .Select(i => (int)Math.Round(heights[i % heights.Length] / unit))];
        Window pointwise = Window.Pointwise(steps.Shape.Height, steps.Shape.Width);
        var sum = new LinearLayer(
            $"{steps.Name}/sum", bits.Index, steps.Shape, pointwise, channels, weights, new BigInteger[channels]);
        return builder.Append(sum, scales, offsets, bits);
    }

    /// <summary>
    /// What is at least 0 where a cut is passed, [channel][cut]. The thresholds join the linear layer before, if it is
    /// given; else they are a layer of their own, which costs next to nothing.
    /// </summary>
    private QuantizedValue Compared(FloatSteps steps, IntegerCut[] cuts, QuantizedValue source, LinearLayer? before)
    {
        if (before is not null)
        {
            return builder.ReplaceLast(IntegerCut.Join(before, cuts), source.Scales, source.Offsets);
        }

        if (Array.TrueForAll(cuts, cut => cut.IsSign))
        {
            return source;
        }

        Shape shape = steps.Shape with { Channels = cuts.Length };
        var thresholds = new LinearLayer(
            $"{steps.Name}/threshold", source.Index, shape, Window.Pointwise(shape.Height, shape.Width),
            steps.Shape.Channels, Array.ConvertAll(cuts, cut => cut.Factor), Array.ConvertAll(cuts, cut => cut.Bias));
        return builder.Append(thresholds, Ones(cuts), new double[cuts.Length], source);
    }

    private static double[] Ones(IntegerCut[] cuts) => [.. Enumerable.Repeat(1.0, cuts.Length)];
}
