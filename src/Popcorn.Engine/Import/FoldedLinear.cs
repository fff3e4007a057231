namespace Popcorn.Engine.Import;

/// <summary>A linear layer on the integers of what it reads, before its weights are rounded.</summary>
/// <param name="Weights">[output channel][weight], flat.</param>
/// <param name="Bias">One for each output channel.</param>
/// <param name="Padding">[output channel][tap], or none.</param>
/// <param name="Magnitudes">Of each weight the greatest magnitude of what it multiplies.</param>
internal sealed record FoldedLinear(double[] Weights, double[] Bias, double[] Padding, double[] Magnitudes)
{
    public int Channels => Bias.Length;

    public int WeightsPerOutput => Weights.Length / Bias.Length;

    public ReadOnlySpan<double> WeightsOf(int channel) =>
        Weights.AsSpan(channel * WeightsPerOutput, WeightsPerOutput);

    public ReadOnlySpan<double> PaddingOf(int channel) =>
        Padding.AsSpan(channel * (Padding.Length / Channels), Padding.Length / Channels);

    /// <summary>Largest sum of products of a channel.</summary>
    public double RangeOf(int channel)
    {
        double sum = 0;
        for (int i = channel * WeightsPerOutput; i < (channel + 1) * WeightsPerOutput; i++)
        {
            sum += Math.Abs(Weights[i]) * Magnitudes[i];
        }

        return sum;
    }

    /// <summary>Weights, biases and padding on the integers of the source instead of reals.</summary>
    /// <param name="linear">The layer.</param>
    /// <param name="source">What it reads.</param>
    /// <param name="target">The offset that its output shall have.</param>
    public static FoldedLinear Of(FloatLinear linear, QuantizedValue source, double target)
    {
        int taps = linear.Window.Taps;
        var weights = new double[linear.Weights.Length];
        var magnitudes = new double[weights.Length];
        double[] bias = [.. linear.Bias.Select(b => b - target)];
        bool isPadded = !linear.Window.AlwaysWithin(source.Shape.Height, source.Shape.Width);
        var padding = new double[isPadded ? bias.Length * taps : 0];
        for (int i = 0; i < weights.Length; i++)
        {
            int output = i / linear.WeightsPerOutput;
            int channel = linear.InputChannelOf(output, i % linear.WeightsPerOutput);
            magnitudes[i] = source.Magnitude(channel);
            double weight = linear.Weights[i];
            if (weight == 0)
            {
                continue;
            }

            // A channel that is always the same is part of the bias, and costs nothing.
            double constant = source.IsConstant(channel)
                ? (double)source.Bounds[channel].Low * source.Scales[channel] + source.Offsets[channel]
                : source.Offsets[channel];
            weights[i] = source.IsConstant(channel) ? 0 : weight * source.Scales[channel];
            bias[output] += weight * constant;
            if (isPadded)
            {
                padding[output * taps + i % taps] += weight * (linear.PaddingOf(channel) - constant);
            }
        }

        return new FoldedLinear(weights, bias, Array.TrueForAll(padding, p => p == 0) ? [] : padding, magnitudes);
    }
}
