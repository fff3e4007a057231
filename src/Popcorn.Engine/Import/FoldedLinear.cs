namespace Popcorn.Engine.Import;

/// <summary>A linear layer on the integers of what it reads, before its weights are rounded.</summary>
/// <param name="Weights">[output channel][weight], flat.</param>
/// <param name="Bias">One for each output channel.</param>
/// <param name="Padding">[output channel][tap], or none.</param>
/// <param name="Linear">The layer on real numbers.</param>
/// <param name="Source">What it reads.</param>
internal sealed record FoldedLinear(
    double[] Weights, double[] Bias, double[] Padding, FloatLinear Linear, QuantizedValue Source)
{
    /// <summary>A weight of at most this part of its channel's largest is nothing but what decay has left.</summary>
    private const double Decayed = 1e-6;

    public int Channels => Bias.Length;

    public int WeightsPerOutput => Weights.Length / Bias.Length;

    public ReadOnlySpan<double> WeightsOf(int channel) =>
        Weights.AsSpan(channel * WeightsPerOutput, WeightsPerOutput);

    /// <summary>The weights of each channel without those that have decayed to nothing beside its others.</summary>
    public double[][] LivingWeights => field ??= [.. Enumerable.Range(0, Channels).Select(LivingWeightsOf)];

    /// <summary>The same of all channels.</summary>
    public double[] AllLivingWeights => [.. LivingWeights.SelectMany(weights => weights)];

    public ReadOnlySpan<double> PaddingOf(int channel) =>
        Padding.AsSpan(channel * (Padding.Length / Channels), Padding.Length / Channels);

    /// <summary>Input channel that a weight sees.</summary>
    public int InputChannelOf(int channel, int weight) => Linear.InputChannelOf(channel, weight);

    /// <summary>Largest sum of products of a channel.</summary>
    public double RangeOf(int channel)
    {
        double sum = 0;
        ReadOnlySpan<double> weights = WeightsOf(channel);
        for (int i = 0; i < weights.Length; i++)
        {
            sum += weights[i] == 0 ? 0 : Math.Abs(weights[i]) * Source.Magnitude(InputChannelOf(channel, i));
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
        double[] bias = [.. linear.Bias.Select(b => b - target)];
        bool isPadded = !linear.Window.AlwaysWithin(source.Shape.Height, source.Shape.Width);
        var padding = new double[isPadded ? bias.Length * taps : 0];
        for (int i = 0; i < weights.Length; i++)
        {
            double weight = linear.Weights[i];
            if (weight == 0)
            {
                continue;
            }

            // A channel that is always the same is part of the bias, and costs nothing.
            int output = i / linear.WeightsPerOutput;
            int channel = linear.InputChannelOf(output, i % linear.WeightsPerOutput);
            double constant = source.IsConstant(channel)
                ? (double)source.Bounds[channel].Low * source.Scales[channel] + source.Offsets[channel]
                : source.Offsets[channel];
            weights[i] = source.IsConstant(channel) ? 0 : weight * source.Scales[channel];
            bias[output] += weight * (constant + source.Drifts[channel]);
            if (isPadded)
            {
                padding[output * taps + i % taps] += weight * (linear.PaddingOf(channel) - constant);
            }
        }

        padding = Array.TrueForAll(padding, p => p == 0) ? [] : padding;
        return new FoldedLinear(weights, bias, padding, linear, source);
    }

    private double[] LivingWeightsOf(int channel)
    {
        ReadOnlySpan<double> weights = WeightsOf(channel);
        ReadOnlySpan<double> real = Linear.Weights.AsSpan(channel * WeightsPerOutput, WeightsPerOutput);
        double least = Decayed * Magnitudes.Largest(real);
        var living = new List<double>();
        for (int i = 0; i < real.Length; i++)
        {
            if (Math.Abs(real[i]) > least)
            {
                living.Add(weights[i]);
            }
        }

        return [.. living];
    }
}
