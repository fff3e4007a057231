using System.Numerics;
using Popcorn.Engine.Compression;
using Popcorn.Engine.Model;

namespace Popcorn.Engine.Import;

/// <summary>
/// Makes integer layers of linear nodes: they take the scales and offsets of what they read into their weights, biases
/// and padding, and <see cref="WeightSteps"/> chooses a step for each output channel: the scale of their output.
/// </summary>
/// <param name="builder">Takes the layers.</param>
/// <param name="options">How many bits weights and values have.</param>
/// <param name="calibration">What the same layers read, rounded to the nearest; or none.</param>
/// <param name="demands">Which channels shall be finer; takes what these layers want of those before them.</param>
/// <param name="readers">Who reads which node.</param>
/// <param name="values">The values of the nodes so far.</param>
internal sealed class LinearQuantizer(
    LayerBuilder builder, ImportOptions options, Calibration? calibration, ScaleDemands demands, FloatReaders readers,
    IReadOnlyDictionary<FloatNode, QuantizedValue> values)
{
    /// <summary>Whether values are kept to few bits before they are multiplied.</summary>
    private readonly bool _isNarrow = options.ActivationBits > 0;

    private readonly WeightSteps _steps = new(options.WeightBits, options.ActivationBits > 0);

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
        double[] steps = uniform ? _steps.Uniform(folded) : _steps.PerChannel(folded, DemandOf(linear), feedsSteps);
        int[] weights = folded.Rounded(steps, _steps.SignsOnly);
        if (!feedsSteps && (!_isNarrow || aligns))
        {
            demands.Raise(linear.Source, _steps.Demanded(folded, steps, uniform));
        }

        if (calibration?.InputsOf(builder.Layers.Count, linear.Name) is { } inputs)
        {
            folded.Calibrate(weights, steps, inputs);
        }
        else if (linear.Source is not FloatInput)
        {
            // What an image is on average nobody knows without samples; what a layer gives, about.
            folded.CorrectMeans(weights, steps);
        }

        if (!uniform && demands.Of(linear) is { } factors)
        {
            weights = [.. weights.Select((w, i) => w * (int)factors[i / folded.WeightsPerOutput])];
            steps = [.. steps.Zip(factors, (s, f) => s / f)];
        }

        BigInteger[] bias = [.. folded.Bias.Select((b, o) => Rounding.Round(b / steps[o], linear.Name))];
        var layer = new LinearLayer(
            linear.Name, source.Index, linear.Shape, linear.Window, linear.Groups, weights, bias)
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

/// <summary>
/// A linear layer on the integers of what it reads: its weights as they are to be rounded, and how they are, to
/// multiples of a step for each output channel.
/// </summary>
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

    /// <summary>
    /// In a pruned layer, what pruning left was left for a reason: it becomes 1 rather than 0, if that happens to no
    /// more than this part of a row's weights (more would add as much error as rounding does), and if they have not
    /// decayed to nothing.
    /// </summary>
    private const double MostKept = 1.0 / 4, LeastKept = 1.0 / (1 << 16);

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

    /// <summary>The weights as integers.</summary>
    /// <param name="steps">The real value of 1, for each output channel.</param>
    /// <param name="signsOnly">Whether all that is kept of a weight is its sign.</param>
    public int[] Rounded(double[] steps, bool signsOnly)
    {
        int[] rounded = [.. Weights.Select((weight, i) =>
        {
            double multiple = weight / steps[i / WeightsPerOutput];
            // However far a weight is from the mean magnitude.
            return signsOnly && Math.Abs(multiple) > Lattice.Error ? Math.Sign(multiple) : (int)Math.Round(multiple);
        })];
        bool pruned = IsPruned;
        for (int o = 0; o < Channels && pruned; o++)
        {
            KeepSmall(WeightsOf(o), steps[o], rounded.AsSpan(o * WeightsPerOutput, WeightsPerOutput));
        }

        return rounded;
    }

    /// <summary>Lets biases take back what rounding adds on average.</summary>
    /// <param name="rounded">The rounded weights.</param>
    /// <param name="steps">Their steps.</param>
    public void CorrectMeans(int[] rounded, double[] steps)
    {
        double[] means = [.. Enumerable.Range(0, Source.Shape.Channels).Select(Source.Mean)];
        for (int o = 0; o < Channels; o++)
        {
            int first = o * WeightsPerOutput;
            for (int i = 0; i < WeightsPerOutput; i++)
            {
                double error = Weights[first + i] - rounded[first + i] * steps[o];
                Bias[o] += error == 0 ? 0 : error * means[InputChannelOf(o, i)];
            }
        }
    }

    /// <summary>
    /// Rounds anew by what the layer read on sample data, and lets biases take back what rounding adds on average.
    /// </summary>
    /// <param name="rounded">The rounded weights, which change.</param>
    /// <param name="steps">Their steps.</param>
    /// <param name="inputs">What each group read.</param>
    public void Calibrate(int[] rounded, double[] steps, LayerInputs[] inputs)
    {
        CalibratedRounding[][] roundings = [.. inputs.Select(CalibratedRounding.For)];
        bool pruned = IsPruned;
        Parallel.For(0, Channels, o =>
        {
            int group = o / (Channels / inputs.Length);
            double[] exact = Array.ConvertAll(WeightsOf(o).ToArray(), w => w / steps[o]);
            Span<int> row = rounded.AsSpan(o * WeightsPerOutput, WeightsPerOutput);
            // Where something was pruned, what rounds to nothing is pruned too.
            double[] left = (double[])exact.Clone();
            for (int i = 0; i < left.Length && pruned; i++)
            {
                left[i] = row[i] == 0 ? 0 : exact[i];
            }

            foreach (CalibratedRounding rounding in roundings[group])
            {
                rounding.Round(left, row, pruned);
            }

            for (int i = 0; i < exact.Length; i++)
            {
                Bias[o] += (exact[i] - row[i]) * steps[o] * inputs[group].Means[i];
            }
        });
    }

    /// <summary>Training does not leave exact zeros, pruning does.</summary>
    private bool IsPruned => Weights.AsSpan().Contains(0.0);

    private static void KeepSmall(ReadOnlySpan<double> exact, double step, Span<int> rounded)
    {
        var small = new List<int>();
        int left = 0;
        for (int i = 0; i < rounded.Length; i++)
        {
            left += exact[i] == 0 ? 0 : 1;
            if (rounded[i] == 0 && Math.Abs(exact[i]) >= LeastKept * step)
            {
                small.Add(i);
            }
        }

        foreach (int i in small.Count <= Math.Max(1, MostKept * left) ? small : [])
        {
            rounded[i] = Math.Sign(exact[i]);
        }
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
