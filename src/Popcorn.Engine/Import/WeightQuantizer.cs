using Popcorn.Engine.Compression;

namespace Popcorn.Engine.Import;

/// <summary>Rounded weights, and for each output channel the real value of its integer 1.</summary>
internal sealed record QuantizedLinear(int[] Weights, double[] Steps);

/// <summary>
/// Chooses the steps of weights and rounds them. Weights that are small multiples of one number already, in a whole
/// layer or in a channel, are taken as they are: binary and ternary weights, and those of quantized networks. Others
/// are rounded to the wanted bits, relative to the largest of their channel.
/// </summary>
internal sealed class WeightQuantizer(int bits)
{
    /// <summary>
    /// Integers up to this size round a bias well enough: weights that need no precision of their own are kept as small
    /// as this allows.
    /// </summary>
    private const double FineGrain = 1 << 11;

    /// <summary>
    /// How much larger than the layer's widest sum of products a bias may be. A channel that is nearly constant would
    /// otherwise have tiny steps and huge integers, and the next layer, whose weights round relative to its largest
    /// one, would lose it.
    /// </summary>
    private const double BiasRoom = 4;

    /// <summary>Quantized networks bring weights of 8 bits, and with a zero point differences of 9.</summary>
    private const int LargestBrought = 255;

    /// <summary>How far from a multiple a weight may be, in steps: what single precision leaves.</summary>
    private const double LatticeError = 1e-4;

    /// <summary>
    /// Bits of real weights that only comparisons read, at least. A comparison makes a whole error of the smallest one,
    /// and layer by layer it spreads: with 8 bits in its first layer a deep binarised network loses a point or two.
    /// Such layers are few and small, for the others' weights are binary.
    /// </summary>
    private const int ComparedBits = 16;

    /// <summary>Parts of a lattice that are worth their price where they make biases exact.</summary>
    private const int MostExactParts = 4;

    private readonly int _largest = LargestOf(bits);
    private readonly int _largestBrought = bits >= 8 ? Math.Max(LargestOf(bits), LargestBrought) : LargestOf(bits);

    /// <summary>One step for all channels.</summary>
    public QuantizedLinear Uniform(FoldedLinear layer)
    {
        double largest = Largest(layer.Weights);
        double lattice = Lattice(layer.Weights);
        double step = lattice > 0 ? Refine(layer, lattice, 0, layer.Channels, false)
            : largest > 0 ? (bits == 1 ? MeanMagnitude(layer.Weights) : largest / _largest)
            : BiasStep(layer);
        return Round(layer, [.. Enumerable.Repeat(step, layer.Channels)]);
    }

    /// <summary>A step for each channel.</summary>
    /// <param name="layer">The layer.</param>
    /// <param name="demand">What the reader wants.</param>
    /// <param name="feedsSteps">
    /// Whether only comparisons read it: then biases need no precision of their own, nor channels a common step.
    /// </param>
    public QuantizedLinear PerChannel(FoldedLinear layer, StepDemand demand, bool feedsSteps)
    {
        int channels = layer.Channels;
        double common = layer.WeightsPerOutput > 1 && !feedsSteps ? Lattice(layer.Weights) : 0;
        if (common > 0)
        {
            double step = Refine(layer, common, 0, channels, feedsSteps);
            return Round(layer, [.. Enumerable.Repeat(step, channels)]);
        }

        var steps = new double[channels];
        double room = 0;
        for (int o = 0; o < channels; o++)
        {
            ReadOnlySpan<double> weights = layer.WeightsOf(o);
            double largest = Largest(weights);
            if (largest > 0)
            {
                double lattice = Lattice(weights);
                steps[o] = lattice > 0
                    ? Refine(layer, lattice, o, o + 1, feedsSteps)
                    : feedsSteps && bits > 1 ? largest / LargestOf(Math.Max(bits, ComparedBits))
                    : demand.Above(bits == 1 ? MeanMagnitude(weights) : largest / _largest, o);
                room = Math.Max(room, layer.RangeOf(o) / steps[o]);
            }
        }

        room = room > 0 ? room * BiasRoom : FineGrain;
        for (int o = 0; o < channels; o++)
        {
            steps[o] = feedsSteps ? steps[o] : Math.Max(steps[o], Math.Abs(layer.Bias[o]) / room);
            steps[o] = steps[o] > 0 ? steps[o] : 1;
        }

        return Round(layer, steps);
    }

    /// <summary>
    /// Rounds anew by what the layer read on sample data, and lets its biases take back what rounding adds on average.
    /// </summary>
    /// <param name="layer">The layer; its biases change.</param>
    /// <param name="quantized">Its rounded weights, which change.</param>
    /// <param name="inputs">What each group read.</param>
    public static void Calibrate(FoldedLinear layer, QuantizedLinear quantized, LayerInputs[] inputs)
    {
        CalibratedRounding[][] roundings = [.. inputs.Select(CalibratedRounding.For)];
        bool pruned = layer.Weights.AsSpan().Contains(0.0);
        Parallel.For(0, layer.Channels, o =>
        {
            int group = o / (layer.Channels / inputs.Length);
            double step = quantized.Steps[o];
            double[] exact = Array.ConvertAll(layer.WeightsOf(o).ToArray(), w => w / step);
            Span<int> rounded = quantized.Weights.AsSpan(o * layer.WeightsPerOutput, layer.WeightsPerOutput);
            foreach (CalibratedRounding rounding in roundings[group])
            {
                rounding.Round(exact, rounded, pruned);
            }

            for (int i = 0; i < exact.Length; i++)
            {
                layer.Bias[o] += (exact[i] - rounded[i]) * step * inputs[group].Means[i];
            }
        });
    }

    private static int LargestOf(int bits) => Math.Max(1, (1 << (bits - 1)) - 1);

    private static double BiasStep(FoldedLinear layer)
    {
        double widest = Largest(layer.Bias);
        return widest > 0 ? widest / FineGrain : 1;
    }

    /// <summary>
    /// The step for weights on a lattice: the lattice's own, or a small part of it where biases and padding are whole
    /// only then. Where they never are, the step becomes so small that rounding them does not matter.
    /// </summary>
    private double Refine(FoldedLinear layer, double lattice, int from, int to, bool feedsSteps)
    {
        int each = layer.WeightsPerOutput;
        double largest = Largest(layer.Weights.AsSpan(from * each, (to - from) * each));
        int mostParts = Math.Max(1, _largest / (int)Math.Round(largest / lattice));
        int[] parts = [.. Enumerable.Range(1, mostParts)];
        int exact = parts.FirstOrDefault(IsExact);
        int fine = parts.FirstOrDefault(IsFine, mostParts);
        return lattice / (exact > 0 && (exact <= MostExactParts || exact <= 2 * fine) ? exact : fine);

        bool IsExact(int part) => Enumerable.Range(from, to - from).All(o =>
            (feedsSteps || Rounding.IsWhole(layer.Bias[o] / lattice * part))
            && AreMultiples(layer.PaddingOf(o), lattice / part, Rounding.IsWhole));

        bool IsFine(int part) =>
            Enumerable.Range(from, to - from).All(o => layer.RangeOf(o) / lattice * part >= FineGrain);
    }

    /// <summary>The greatest number that all weights are small multiples of; 0 where there is none.</summary>
    private double Lattice(ReadOnlySpan<double> weights)
    {
        double largest = Largest(weights);
        for (int multiple = 1; multiple <= _largestBrought && largest > 0; multiple++)
        {
            double step = largest / multiple;
            if (AreMultiples(weights, step, m => Math.Abs(m - Math.Round(m)) <= LatticeError))
            {
                return step;
            }
        }

        return 0;
    }

    /// <summary>Whether all are multiples of a step, as far as a test of the quotients tells.</summary>
    private static bool AreMultiples(ReadOnlySpan<double> values, double step, Predicate<double> isWhole)
    {
        foreach (double value in values)
        {
            if (!isWhole(value / step))
            {
                return false;
            }
        }

        return true;
    }

    private QuantizedLinear Round(FoldedLinear layer, double[] steps)
    {
        var weights = new int[layer.Weights.Length];
        // Training does not leave exact zeros, pruning does; and what it has left, it has left for a reason.
        bool pruned = layer.Weights.AsSpan().Contains(0.0);
        for (int i = 0; i < weights.Length; i++)
        {
            double multiple = layer.Weights[i] / steps[i / layer.WeightsPerOutput];
            // A single bit says the sign, however far a weight is from the mean magnitude.
            weights[i] = bits == 1 && Math.Abs(multiple) > LatticeError
                ? Math.Sign(multiple)
                : (int)Math.Round(multiple);
            if (pruned && weights[i] == 0)
            {
                weights[i] = Math.Sign(layer.Weights[i]);
            }
        }

        return new QuantizedLinear(weights, steps);
    }

    private static double MeanMagnitude(ReadOnlySpan<double> weights)
    {
        double sum = 0;
        int count = 0;
        foreach (double weight in weights)
        {
            sum += Math.Abs(weight);
            count += weight == 0 ? 0 : 1;
        }

        return sum / count;
    }

    private static double Largest(ReadOnlySpan<double> values)
    {
        double largest = 0;
        foreach (double value in values)
        {
            largest = Math.Max(largest, Math.Abs(value));
        }

        return largest;
    }
}
