namespace Popcorn.Engine.Import;

/// <summary>
/// Chooses the steps of weights, which are the real values of their integer 1, one for each output channel. Weights
/// that are small multiples of one number already, in a whole layer or in a channel, are taken as they are: binary and
/// ternary weights, and those of quantized networks. Others are rounded to the wanted bits, relative to the largest of
/// their channel, once the scales of what they multiply are folded in.
/// </summary>
/// <param name="bits">The wanted bits.</param>
/// <param name="isNarrow">Whether values are kept to few bits before they are multiplied.</param>
internal sealed class WeightSteps(int bits, bool isNarrow)
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

    /// <summary>How much coarser than relative to real weights alone a row may be rounded.</summary>
    private const double Tolerated = 1.25;

    /// <summary>How much coarser a common step may be than the rows' own.</summary>
    private const double ToleratedOfRows = 1.5;

    /// <summary>How much larger than wanted weights may become.</summary>
    private const double MostOverflow = 4;

    private readonly int _largest = LargestOf(bits);
    private readonly int _largestBrought = bits >= 8 ? Math.Max(LargestOf(bits), LargestBrought) : LargestOf(bits);

    /// <summary>Whether one bit is wanted: the sign of a weight, and the mean magnitude is its step.</summary>
    public bool SignsOnly => bits == 1;

    /// <summary>One step for all channels.</summary>
    public double[] Uniform(FoldedLinear layer)
    {
        double largest = Magnitudes.Largest(layer.Weights);
        double lattice = Lattice.StepOf(layer.AllLivingWeights, _largestBrought);
        double step = lattice > 0 ? Refine(layer, lattice, 0, layer.Channels, false)
            : largest > 0 ? (SignsOnly ? Magnitudes.Mean(layer.Weights) : UniformStep(layer, largest))
            : BiasStep(layer);
        return [.. Enumerable.Repeat(step, layer.Channels)];
    }

    /// <summary>A step for each channel.</summary>
    /// <param name="layer">The layer.</param>
    /// <param name="demand">What the reader wants.</param>
    /// <param name="feedsSteps">
    /// Whether only comparisons read it: then biases need no precision of their own, nor channels a common step.
    /// </param>
    public double[] PerChannel(FoldedLinear layer, StepDemand demand, bool feedsSteps)
    {
        int channels = layer.Channels;
        double common = layer.WeightsPerOutput > 1 && !feedsSteps
            ? Lattice.StepOf(layer.AllLivingWeights, _largestBrought)
            : 0;
        if (common > 0)
        {
            double step = Refine(layer, common, 0, channels, feedsSteps);
            return [.. Enumerable.Repeat(step, channels)];
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
                    : feedsSteps && !SignsOnly ? largest / LargestOf(Math.Max(bits, ComparedBits))
                    : demand.Above(SignsOnly ? Magnitudes.Mean(weights) : StepOf(layer, o, largest), o);
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

        return steps;
    }

    /// <summary>
    /// For each input channel by which factor its integers should be larger, if the weights behind it shall be rounded
    /// no worse than relative to the largest real weight of each row: 1 or less where they are.
    /// </summary>
    /// <param name="layer">The layer.</param>
    /// <param name="steps">Those that were chosen without.</param>
    /// <param name="uniform">Whether all rows have one step.</param>
    public double[] Demanded(FoldedLinear layer, double[] steps, bool uniform)
    {
        var demanded = new double[layer.Source.Shape.Channels];
        bool[] isExact = [.. Enumerable.Range(0, layer.Channels).Select(
            o => Lattice.Holds(layer.LivingWeights[o], steps[o]))];
        if (SignsOnly || (uniform && !isExact.Contains(false)))
        {
            return demanded;
        }

        double common = uniform ? PlainStepOf(layer) : 0;
        for (int o = 0; o < layer.Channels; o++)
        {
            double step = uniform ? common : isExact[o] ? 0 : PlainStepOf(layer, o).Step;
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
        isNarrow ? Tolerated * PlainStepOf(layer, row).Step : 0, largest / _largest);

    /// <summary>The step of all rows, that some may have small weights for: what all together lose decides.</summary>
    private double UniformStep(FoldedLinear layer, double largest) =>
        NotAbove(ToleratedOfRows * PlainStepOf(layer), largest / _largest);

    private static double NotAbove(double plain, double step) =>
        plain > 0 ? Math.Max(Math.Min(step, plain), step / MostOverflow) : step;

    /// <summary>The largest weight of so many bits.</summary>
    public static int LargestOf(int bits) => Math.Max(1, (1 << (bits - 1)) - 1);

    /// <summary>
    /// The measure of how finely weights are to be rounded: the step with which a row, on the integers it reads, has
    /// the error that it would have if its real weights were rounded to the wanted bits and what they multiply had no
    /// scales (0 where nothing is multiplied), and the sum of the squares of what is multiplied.
    /// </summary>
    private (double Step, double Squares) PlainStepOf(FoldedLinear layer, int row)
    {
        double largest = 0, real = 0, integer = 0;
        ReadOnlySpan<double> weights = layer.WeightsOf(row);
        for (int i = 0; i < weights.Length; i++)
        {
            if (weights[i] != 0)
            {
                int channel = layer.InputChannelOf(row, i);
                double scale = layer.Source.Scales[channel], size = layer.Source.Size(channel);
                largest = Math.Max(largest, Math.Abs(weights[i]) / scale);
                real += size * size * scale * scale;
                integer += size * size;
            }
        }

        return integer > 0 ? (largest / _largest * Math.Sqrt(real / integer), integer) : (0, 0);
    }

    /// <summary>The common step with which all rows together have that error.</summary>
    private double PlainStepOf(FoldedLinear layer)
    {
        (double Step, double Squares)[] rows =
            [.. Enumerable.Range(0, layer.Channels).Select(o => PlainStepOf(layer, o))];
        double squares = rows.Sum(r => r.Squares);
        return squares > 0 ? Math.Sqrt(rows.Sum(r => r.Step * r.Step * (r.Squares / squares))) : 0;
    }
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
}
