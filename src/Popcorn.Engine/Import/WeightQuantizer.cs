using Popcorn.Engine.Compression;

namespace Popcorn.Engine.Import;

/// <summary>Rounded weights, and for each output channel the real value of its integer 1.</summary>
internal sealed record QuantizedLinear(int[] Weights, double[] Steps);

/// <summary>
/// Chooses the steps of weights and rounds them. Weights that are small multiples of one number already, in a whole
/// layer or in a channel, are taken as they are: binary and ternary weights, and those of quantized networks. Others
/// are rounded to the wanted bits, relative to the largest of their channel, once the scales of what they multiply are
/// folded in.
/// </summary>
/// <param name="bits">The wanted bits.</param>
/// <param name="isNarrow">Whether values are kept to few bits before they are multiplied.</param>
internal sealed class WeightQuantizer(int bits, bool isNarrow)
{
    /// <summary>
    /// Integers up to this size round a bias well enough: weights that need no precision of their own are kept as small
    /// as this allows.
    /// </summary>
    private const double FineGrain = 1 << 11;

    /// <summary>
    /// How much larger than the layer's widest sum of products a bias may be. A channel that is nearly constant would
    /// otherwise have tiny steps and huge integers.
    /// </summary>
    private const double BiasRoom = 4;

    /// <summary>Quantized networks bring weights of 8 bits, and with a zero point differences of 9.</summary>
    private const int LargestBrought = 255;

    /// <summary>
    /// How much coarser than its neighbours' a channel may be that has a lattice of its own, and how much coarser than
    /// by the wanted bits its step may be whatever its weights are.
    /// </summary>
    private const double MostCoarser = 4, HardlyCoarser = 2;

    /// <summary>
    /// Bits of real weights that only comparisons read, at least. A comparison makes a whole error of the smallest one,
    /// and layer by layer it spreads: with 8 bits in its first layer a deep binarised network loses a point or two.
    /// Such layers are few and small, for the others' weights are binary.
    /// </summary>
    private const int ComparedBits = 16;

    /// <summary>Parts of a lattice that are worth their price where they make biases exact.</summary>
    private const int MostExactParts = 4;

    /// <summary>
    /// In a pruned layer, what pruning left was left for a reason: it becomes 1 rather than 0, if that happens to no
    /// more than this part of a row's weights (more would add as much error as rounding does), and if they have not
    /// decayed to nothing.
    /// </summary>
    private const double MostKept = 1.0 / 4, LeastKept = 1.0 / (1 << 16);

    /// <summary>How much coarser than relative to real weights alone a row may be rounded.</summary>
    private const double Tolerated = 1.25;

    /// <summary>How much coarser a common step may be than the rows' own.</summary>
    private const double ToleratedOfRows = 1.5;

    /// <summary>How much larger than wanted weights may become.</summary>
    private const double MostOverflow = 4;

    private readonly PlainStep _plain = new(LargestOf(bits));
    private readonly int _largest = LargestOf(bits);
    private readonly int _largestBrought = bits >= 8 ? Math.Max(LargestOf(bits), LargestBrought) : LargestOf(bits);

    /// <summary>One step for all channels.</summary>
    public QuantizedLinear Uniform(FoldedLinear layer)
    {
        double largest = Magnitudes.Largest(layer.Weights);
        double lattice = Lattice.StepOf(layer.AllLivingWeights, _largestBrought);
        double step = lattice > 0 ? Refine(layer, lattice, 0, layer.Channels, false)
            : largest > 0 ? (bits == 1 ? Magnitudes.Mean(layer.Weights) : UniformStep(layer, largest))
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
        double common = layer.WeightsPerOutput > 1 && !feedsSteps
            ? Lattice.StepOf(layer.AllLivingWeights, _largestBrought)
            : 0;
        if (common > 0)
        {
            double step = Refine(layer, common, 0, channels, feedsSteps);
            return Round(layer, [.. Enumerable.Repeat(step, channels)]);
        }

        var steps = new double[channels];
        for (int o = 0; o < channels; o++)
        {
            ReadOnlySpan<double> weights = layer.WeightsOf(o);
            double largest = Magnitudes.Largest(weights);
            if (largest > 0)
            {
                double[] living = layer.LivingWeights[o];
                double lattice = Lattice.StepOf(living, _largestBrought);
                bool isFine = feedsSteps || lattice <= HardlyCoarser * largest / _largest;
                bool isLattice = lattice > 0 && (isFine || Lattice.IsRepeated(living, lattice));
                steps[o] = isLattice
                    ? Refine(layer, lattice, o, o + 1, feedsSteps)
                    : feedsSteps && bits > 1 ? largest / LargestOf(Math.Max(bits, ComparedBits))
                    : demand.Above(bits == 1 ? Magnitudes.Mean(weights) : StepOf(layer, o, largest), o);
            }
        }

        if (!feedsSteps)
        {
            Approach(layer, steps);
        }

        double typical = Median(steps);
        double room = 0;
        for (int o = 0; o < channels; o++)
        {
            room = steps[o] > 0 ? Math.Max(room, layer.RangeOf(o) / steps[o]) : room;
        }

        room = room > 0 ? room * BiasRoom : FineGrain;
        for (int o = 0; o < channels; o++)
        {
            bool isConstant = steps[o] == 0;
            steps[o] = isConstant ? demand.OfConstant(o, typical) : steps[o];
            steps[o] = feedsSteps ? steps[o] : Math.Max(steps[o], Math.Abs(layer.Bias[o]) / room);
            steps[o] = steps[o] > 0 ? steps[o] : 1;
        }

        return Round(layer, steps);
    }

    /// <summary>
    /// For each input channel by which factor its integers should be larger, if the weights behind it shall be rounded
    /// no worse than relative to the largest real weight of each row: 1 or less where they are.
    /// </summary>
    /// <param name="layer">The layer.</param>
    /// <param name="rounded">Its weights, rounded as they would be without.</param>
    /// <param name="uniform">Whether all rows have one step.</param>
    public double[] Demanded(FoldedLinear layer, QuantizedLinear rounded, bool uniform)
    {
        var demanded = new double[layer.Source.Shape.Channels];
        bool[] isExact = [.. Enumerable.Range(0, layer.Channels).Select(
            o => Lattice.Holds(layer.LivingWeights[o], rounded.Steps[o]))];
        if (bits == 1 || (uniform && !isExact.Contains(false)))
        {
            return demanded;
        }

        double common = uniform ? _plain.OfLayer(layer) : 0;
        for (int o = 0; o < layer.Channels; o++)
        {
            double step = uniform ? common : isExact[o] ? 0 : _plain.OfRow(layer, o).Step;
            ReadOnlySpan<double> weights = layer.WeightsOf(o);
            for (int i = 0; i < weights.Length && step > 0; i++)
            {
                int channel = layer.InputChannelOf(o, i);
                double factor = Math.Abs(weights[i]) / (_largest * Tolerated * step);
                demanded[channel] = Math.Max(demanded[channel], factor);
            }
        }

        return demanded;
    }

    /// <summary>
    /// A row's step: where scales cannot be made finer its weights may become larger than wanted, rather than be lost.
    /// </summary>
    private double StepOf(FoldedLinear layer, int row, double largest) => NotAbove(
        isNarrow ? Tolerated * _plain.OfRow(layer, row).Step : 0, largest / _largest);

    /// <summary>The step of all rows, that some may have small weights for: what all together lose decides.</summary>
    private double UniformStep(FoldedLinear layer, double largest) =>
        NotAbove(ToleratedOfRows * _plain.OfLayer(layer), largest / _largest);

    private static double NotAbove(double plain, double step) =>
        plain > 0 ? Math.Max(Math.Min(step, plain), step / MostOverflow) : step;

    /// <summary>Lets biases take back what rounding adds on average.</summary>
    /// <param name="layer">The layer; its biases change.</param>
    /// <param name="quantized">Its rounded weights.</param>
    public static void CorrectMeans(FoldedLinear layer, QuantizedLinear quantized)
    {
        double[] means = [.. Enumerable.Range(0, layer.Source.Shape.Channels).Select(layer.Source.Mean)];
        for (int o = 0; o < layer.Channels; o++)
        {
            int first = o * layer.WeightsPerOutput;
            for (int i = 0; i < layer.WeightsPerOutput; i++)
            {
                double error = layer.Weights[first + i] - quantized.Weights[first + i] * quantized.Steps[o];
                layer.Bias[o] += error == 0 ? 0 : error * means[layer.InputChannelOf(o, i)];
            }
        }
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
            // Where something was pruned, what rounds to nothing is pruned too.
            double[] left = (double[])exact.Clone();
            for (int i = 0; i < left.Length && pruned; i++)
            {
                left[i] = rounded[i] == 0 ? 0 : exact[i];
            }

            foreach (CalibratedRounding rounding in roundings[group])
            {
                rounding.Round(left, rounded, pruned);
            }

            for (int i = 0; i < exact.Length; i++)
            {
                layer.Bias[o] += (exact[i] - rounded[i]) * step * inputs[group].Means[i];
            }
        });
    }

    /// <summary>The largest weight of so many bits.</summary>
    public static int LargestOf(int bits) => Math.Max(1, (1 << (bits - 1)) - 1);

    private static double BiasStep(FoldedLinear layer)
    {
        double widest = Magnitudes.Largest(layer.Bias);
        return widest > 0 ? widest / FineGrain : 1;
    }

    /// <summary>
    /// Divides the steps of channels with a lattice of their own until they are close to their neighbours': by whole
    /// numbers, so that weights stay exact.
    /// </summary>
    private void Approach(FoldedLinear layer, double[] steps)
    {
        bool[] isExact = [.. steps.Select(
            (step, o) => step > 0 && Lattice.Holds(layer.LivingWeights[o], step))];
        // Where all channels have lattices the network was trained with these scales.
        double finest = Median([.. steps.Where((_, o) => !isExact[o])]);
        for (int o = 0; o < steps.Length && finest > 0; o++)
        {
            if (isExact[o] && steps[o] > MostCoarser * finest)
            {
                double room = Math.Floor(_largest / Math.Round(Magnitudes.Largest(layer.WeightsOf(o)) / steps[o]));
                steps[o] /= Math.Max(1, Math.Min(room, Math.Ceiling(steps[o] / (MostCoarser * finest))));
            }
        }
    }

    private static double Median(double[] steps)
    {
        double[] positive = [.. steps.Where(s => s > 0).Order()];
        return positive.Length == 0 ? 0 : positive[positive.Length / 2];
    }

    /// <summary>
    /// The step for weights on a lattice: the lattice's own, or a small part of it where biases and padding are whole
    /// only then. Where they never are, the step becomes so small that rounding them does not matter.
    /// </summary>
    private double Refine(FoldedLinear layer, double lattice, int from, int to, bool feedsSteps)
    {
        int each = layer.WeightsPerOutput;
        double largest = Magnitudes.Largest(layer.Weights.AsSpan(from * each, (to - from) * each));
        int mostParts = Math.Max(1, _largest / (int)Math.Round(largest / lattice));
        int[] parts = [.. Enumerable.Range(1, mostParts)];
        int exact = parts.FirstOrDefault(IsExact);
        int fine = parts.FirstOrDefault(IsFine, mostParts);
        return lattice / (exact > 0 && (exact <= MostExactParts || exact <= 2 * fine) ? exact : fine);

        bool IsExact(int part) => Enumerable.Range(from, to - from).All(o =>
            (feedsSteps || Rounding.IsWhole(layer.Bias[o] / lattice * part))
            && AreWhole(layer.PaddingOf(o), lattice / part));

        bool IsFine(int part) =>
            Enumerable.Range(from, to - from).All(o => layer.RangeOf(o) / lattice * part >= FineGrain);

        static bool AreWhole(ReadOnlySpan<double> values, double step)
        {
            foreach (double value in values)
            {
                if (!Rounding.IsWhole(value / step))
                {
                    return false;
                }
            }

            return true;
        }
    }

    private QuantizedLinear Round(FoldedLinear layer, double[] steps)
    {
        int[] weights = [.. layer.Weights.Select((weight, i) =>
        {
            double multiple = weight / steps[i / layer.WeightsPerOutput];
            // A single bit says the sign, however far a weight is from the mean magnitude.
            return bits == 1 && Math.Abs(multiple) > Lattice.Error ? Math.Sign(multiple) : (int)Math.Round(multiple);
        })];
        // Training does not leave exact zeros, pruning does.
        bool isPruned = layer.Weights.AsSpan().Contains(0.0);
        for (int o = 0; o < layer.Channels && isPruned; o++)
        {
            KeepSmall(layer.WeightsOf(o), steps[o], weights.AsSpan(o * layer.WeightsPerOutput, layer.WeightsPerOutput));
        }

        return new QuantizedLinear(weights, steps);
    }

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
}
