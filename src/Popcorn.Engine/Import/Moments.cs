namespace Popcorn.Engine.Import;

/// <summary>
/// Mean and variance of every channel of a node's value, estimated from the weights alone: inputs are taken as uniform
/// over their range, terms of a sum as independent, and sums as normal. Good to within a few bits, which is enough to
/// tell how many of a value's bits carry anything.
/// </summary>
internal sealed class Moments(double[] means, double[] variances)
{
    private readonly double[] _means = means;
    private readonly double[] _variances = variances;

    /// <summary>The size that the integers of most channels have: the median of their root mean squares.</summary>
    /// <param name="scales">Real value of a channel's integer 1.</param>
    public double TypicalSize(double[] scales)
    {
        double[] sizes = [.. scales.Select((s, c) => Math.Sqrt(_means[c] * _means[c] + _variances[c]) / s)
            .Where(size => size > 0).Order()];
        return sizes.Length == 0 ? 0 : sizes[sizes.Length / 2];
    }

    /// <summary>The moments of a node from those of what it reads.</summary>
    public static Moments Through(FloatNode node, Moments[] sources) => node switch
    {
        FloatLinear linear => Linear(linear, sources[0]),
        FloatAveragePool pool => sources[0].Map((m, v) => (m, v / pool.Window.Taps)),
        FloatAffine { IsPerChannel: true } affine => sources[0].Map(
            (c, m, v) => (m * affine.Scale[c] + affine.Shift[c], v * affine.Scale[c] * affine.Scale[c])),
        FloatRelu or FloatMaxPool { WithZero: true } => sources[0].Map(Rectified),
        FloatClip clip => sources[0].Map((m, v) => Clipped(m, v, clip)),
        FloatSquare => sources[0].Map((m, v) => (m * m + v, 2 * v * v + 4 * m * m * v)),
        FloatSteps steps => Constant(
            steps.Shape.Channels, steps.Low + steps.Heights.Sum() / 2, Math.Pow(steps.Heights.Sum(Math.Abs) / 2, 2)),
        FloatAdd => new Moments(
            [.. sources[0]._means.Zip(sources[1]._means, (a, b) => a + b)],
            [.. sources[0]._variances.Zip(sources[1]._variances, (a, b) => a + b)]),
        FloatConcat => new Moments(
            [.. sources.SelectMany(s => s._means)], [.. sources.SelectMany(s => s._variances)]),
        FloatMaxPool => sources[0],
        _ => throw new NotSupportedException($"A {node.GetType().Name} has no moments."),
    };

    private static Moments Constant(int channels, double mean, double variance) =>
        new([.. Enumerable.Repeat(mean, channels)], [.. Enumerable.Repeat(variance, channels)]);

    private Moments Map(Func<double, double, (double Mean, double Variance)> function) =>
        Map((_, mean, variance) => function(mean, variance));

    private Moments Map(Func<int, double, double, (double Mean, double Variance)> function)
    {
        (double Mean, double Variance)[] mapped =
            [.. _means.Select((m, c) => function(c, m, _variances[c]))];
        return new Moments([.. mapped.Select(p => p.Mean)], [.. mapped.Select(p => p.Variance)]);
    }

    private static Moments Linear(FloatLinear linear, Moments source)
    {
        double[] means = [.. linear.Bias];
        var variances = new double[means.Length];
        for (int i = 0; i < linear.Weights.Length; i++)
        {
            double weight = linear.Weights[i];
            int output = i / linear.WeightsPerOutput;
            int channel = weight == 0 ? 0 : linear.InputChannelOf(output, i % linear.WeightsPerOutput);
            means[output] += weight * source._means[channel];
            variances[output] += weight * weight * source._variances[channel];
        }

        return new Moments(means, variances);
    }

    /// <summary>Of max(x, 0) for a normal x.</summary>
    private static (double Mean, double Variance) Rectified(double mean, double variance)
    {
        double deviation = Math.Sqrt(variance);
        if (deviation == 0)
        {
            return (Math.Max(mean, 0), 0);
        }

        double at = mean / deviation;
        double density = Math.Exp(-at * at / 2) / Math.Sqrt(2 * Math.PI);
        // The logistic curve is close enough to the normal distribution.
        double above = 1 / (1 + Math.Exp(-1.702 * at));
        double first = mean * above + deviation * density;
        double second = (mean * mean + variance) * above + mean * deviation * density;
        return (first, Math.Max(second - first * first, 0));
    }

    private static (double Mean, double Variance) Clipped(double mean, double variance, FloatClip clip)
    {
        (double first, double spread) = Rectified(mean - clip.Low, variance);
        double span = clip.High - clip.Low;
        return (clip.Low + Math.Min(first, span), Math.Min(spread, span * span / 4));
    }
}
