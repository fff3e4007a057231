using System.Numerics;
using Popcorn.Engine.Compression;
using Popcorn.Engine.Model;

namespace Popcorn.Engine.Import;

/// <summary>
/// Turns a simplified floating-point graph into an integer network. A real activation is integer × scale + offset, with
/// one pair for each channel. Linear layers take the scales and offsets of what they read into their weights, biases
/// and padding; <see cref="WeightQuantizer"/> chooses a step for each output channel, which is their output's scale.
/// ReLU and max-pool keep scales, squares square them, average pools sum and divide them, joined channels keep their
/// own, sums align them with small integer factors, and comparisons need none: their thresholds become integers that
/// decide exactly as the real ones do.
/// </summary>
internal sealed class Quantizer
{
    /// <summary>Values of more bits fit no key and no double.</summary>
    private const int MostBits = 900;

    /// <summary>Greatest factor of a sum.</summary>
    private const int MostRatio = 1 << 24;

    /// <summary>Factors that align two scales in a sum are off by this share of them at most.</summary>
    private const double AlignmentError = 1.0 / 512;

    private readonly ImportOptions _options;
    private readonly WeightQuantizer _weights;
    private readonly List<Layer> _layers = [];

    /// <summary>The values of the integer network by their numbers.</summary>
    private readonly List<Value> _numbered = [];

    private readonly Dictionary<FloatNode, Value> _values = [];
    private readonly Dictionary<FloatNode, Moments> _moments = [];
    private readonly ILookup<FloatNode, FloatNode> _readers;

    private readonly Calibration? _calibration;

    private Quantizer(ImportOptions options, Calibration? calibration, IEnumerable<FloatNode> order)
    {
        _options = options;
        _calibration = calibration;
        _weights = new WeightQuantizer(options.WeightBits);
        _readers = order.SelectMany(n => n.Sources.Select(s => (Source: s, Reader: n))).ToLookup(e => e.Source, e => e.Reader);
    }

    /// <summary>What stands for a node's value in the integer network.</summary>
    /// <param name="Index">Its number: see <see cref="Layer"/>.</param>
    /// <param name="Shape">Its shape.</param>
    /// <param name="Scales">Real value = integer × scale + offset, by channel; positive.</param>
    /// <param name="Offsets">See <paramref name="Scales"/>.</param>
    /// <param name="Bounds">What the integers can be, by channel.</param>
    private sealed record Value(int Index, Shape Shape, double[] Scales, double[] Offsets, Interval[] Bounds)
    {
        /// <summary>Greatest magnitude of a channel's integers.</summary>
        public double Magnitude(int channel) =>
            (double)BigInteger.Max(BigInteger.Abs(Bounds[channel].Low), BigInteger.Abs(Bounds[channel].High));

        public bool IsConstant(int channel) => Bounds[channel].Low == Bounds[channel].High;
    }

    /// <summary>Makes the integer network.</summary>
    /// <param name="output">The graph.</param>
    /// <param name="options">How.</param>
    /// <param name="calibration">What the layers of the same network read, rounded to the nearest; or none.</param>
    public static IntegerNetwork Quantize(FloatNode output, ImportOptions options, Calibration? calibration = null)
    {
        List<FloatNode> order = FloatGraph.InOrder(output);
        var quantizer = new Quantizer(options, calibration, order);
        HashSet<FloatNode> uniform = FindUniform(output);
        FloatInput[] inputs = [.. order.OfType<FloatInput>()];
        if (inputs.Any(i => i.Shape != inputs[0].Shape))
        {
            throw new PopcornException(
                $"This network cannot be imported: its input is used both as {inputs[0].Shape} and in another shape. "
                + "Reshape it once, before the first layer.");
        }

        foreach (FloatNode node in order)
        {
            Value value = quantizer.Convert(node, uniform.Contains(node));
            quantizer._values[node] = options.RescaleBits == 0 ? value : quantizer.Rescaled(node, value);
        }

        Value logits = quantizer.Comparable(output);
        if (quantizer._layers.Count == 0)
        {
            throw new PopcornException(
                "This network cannot be imported: it computes nothing. Export the trained layers.");
        }

        var input = new InputDescription(
            inputs[0].Shape, options.InputMinimum, options.InputMaximum, options.InputScale, options.InputOrder);
        return new IntegerNetwork(input, quantizer._layers, logits.Scales[0]);
    }

    /// <summary>
    /// Logits are compared with each other, so their scales must agree. The demand passes through layers that keep
    /// channels apart, up to a linear layer that can meet it.
    /// </summary>
    private static HashSet<FloatNode> FindUniform(FloatNode output)
    {
        var result = new HashSet<FloatNode>();
        FloatNode node = output;
        while (result.Add(node) && node is FloatRelu or FloatSquare or FloatMaxPool or FloatAveragePool or FloatClip)
        {
            node = node.Source;
        }

        return result;
    }

    /// <summary>The logits, through one more layer where they do not share a scale and an offset.</summary>
    private Value Comparable(FloatNode output)
    {
        Value value = _values[output];
        bool isComparable = Array.TrueForAll(value.Scales, s => s == value.Scales[0])
            && Array.TrueForAll(value.Offsets, o => o == value.Offsets[0]);
        return isComparable ? value : Aligned(output.Name, value, uniform: true);
    }

    /// <summary>
    /// The value of a non-linear node without the bits that carry nothing, once it has twice as many as are wanted: a
    /// rescaling is a round of its own, and pays where many bits go.
    /// </summary>
    private Value Rescaled(FloatNode node, Value value)
    {
        Moments moments = node is FloatInput
            ? UniformInput(value)
            : Moments.Through(node, [.. node.Sources.Select(s => _moments[s])]);
        _moments[node] = moments;
        if (node is not (FloatRelu or FloatClip or FloatSquare or FloatMaxPool { WithZero: true }))
        {
            return value;
        }

        double size = moments.TypicalSize(value.Scales);
        int shift = size > 0 ? (int)Math.Floor(Math.Log2(size)) + 1 - _options.RescaleBits : 0;
        if (shift < _options.RescaleBits || shift > NetworkValidator.MaxShift)
        {
            return value;
        }

        var layer = new RescaleLayer($"{node.Name}/rescale", value.Index, value.Shape, shift);
        double[] scales = Array.ConvertAll(value.Scales, s => s * Math.Pow(2, shift));
        return Append(layer, scales, value.Offsets, value);
    }

    private static Moments UniformInput(Value input)
    {
        double[] low = [.. input.Bounds.Select((b, c) => (double)b.Low * input.Scales[c] + input.Offsets[c])];
        double[] high = [.. input.Bounds.Select((b, c) => (double)b.High * input.Scales[c] + input.Offsets[c])];
        return new Moments(
            [.. low.Zip(high, (l, h) => (l + h) / 2)], [.. low.Zip(high, (l, h) => (h - l) * (h - l) / 12)]);
    }

    private Value Convert(FloatNode node, bool uniform)
    {
        switch (node)
        {
            case FloatInput:
                return ConvertInput(node.Shape);
            case FloatLinear linear:
                return ConvertLinear(linear, _values[linear.Source], uniform);
            case FloatAffine affine:
                return ConvertAffine(affine, uniform);
            case FloatAveragePool pool:
                return ConvertAveragePool(pool);
            case FloatSteps steps:
                return ConvertSteps(steps);
            case FloatAdd add:
                return ConvertAdd(add);
            case FloatConcat concat:
                return ConvertConcat(concat);
            case FloatMaxPool { WithZero: false } pool:
                return ConvertMaxPool(pool);
            case FloatClip clip:
                return ConvertClip(clip);
        }

        // What bends at 0 needs its 0 where the integers have theirs.
        Value source = At(0, node);
        return node switch
        {
            FloatRelu => Append(new ReluLayer(node.Name, source.Index, node.Shape), source.Scales, source.Offsets, source),
            FloatSquare => Append(
                new SquareLayer(node.Name, source.Index, node.Shape), Array.ConvertAll(source.Scales, s => s * s),
                source.Offsets, source),
            FloatMaxPool pool => Append(
                new MaxPoolLayer(pool.Name, source.Index, pool.Shape, pool.Window, true), source.Scales, source.Offsets,
                source),
            _ => throw new NotSupportedException($"A {node.GetType().Name} has no integer form."),
        };
    }

    private Value Append(Layer layer, double[] scales, double[] offsets, params Value[] sources)
    {
        Interval[] bounds = layer.BoundsFrom(sources[0].Shape, Array.ConvertAll(sources, s => s.Bounds));
        int bits = bounds.Max(b => b.MagnitudeBits);
        if (bits > MostBits || !Array.TrueForAll(scales, double.IsNormal))
        {
            throw new PopcornException(
                $"This network cannot be imported: at '{layer.Name}' its values outgrow what any key can hold ({bits} "
                + "bits). Use fewer weight bits, or fewer layers that square.");
        }

        _layers.Add(layer);
        return Number(new Value(_layers.Count, layer.Output, scales, offsets, bounds));
    }

    private Value Number(Value value)
    {
        _numbered.Add(value);
        return value;
    }

    private Value ConvertInput(Shape shape)
    {
        var range = new Interval(_options.InputMinimum, _options.InputMaximum);
        int channels = shape.Channels;
        double[] means = PerChannel(_options.InputMeans, 0, channels, "mean");
        double[] deviations = PerChannel(_options.InputDeviations, 1, channels, "deviation");
        return Number(new Value(
            0, shape,
            [.. deviations.Select(d => _options.InputScale / d)], [.. means.Zip(deviations, (m, d) => -m / d)],
            [.. Enumerable.Repeat(range, channels)]));
    }

    private static double[] PerChannel(IReadOnlyList<double> given, double otherwise, int channels, string what) =>
        given.Count switch
        {
            0 => [.. Enumerable.Repeat(otherwise, channels)],
            1 => [.. Enumerable.Repeat(given[0], channels)],
            _ when given.Count == channels => [.. given],
            _ => throw new PopcornException(
                $"{given.Count} numbers are given as the input's {what} and it has {channels} channels; give one, or one "
                + "for each channel."),
        };

    /// <summary>A node's source with the same offset in all channels: as it is, or through a layer of its own.</summary>
    private Value At(double offset, FloatNode node)
    {
        Value value = _values[node.Source];
        return Array.TrueForAll(value.Offsets, o => o == offset)
            ? value
            : Aligned($"{node.Name}/shift", value, uniform: false, offset);
    }

    private Value Aligned(string name, Value value, bool uniform, double offset = 0)
    {
        Shape shape = value.Shape;
        double[] ones = [.. Enumerable.Repeat(1.0, shape.Channels)];
        var identity = new FloatLinear(
            name, new FloatInput(name, shape), Window.Pointwise(shape.Height, shape.Width), shape.Channels, ones,
            new double[shape.Channels]);
        return ConvertLinear(identity, value, uniform, offset);
    }

    private Value ConvertAffine(FloatAffine affine, bool uniform)
    {
        if (!affine.IsPerChannel)
        {
            throw new PopcornException(
                $"This network cannot be imported: node '{affine.Name}' scales or shifts each position of a plane by a "
                + "constant of its own. Use one for each channel, or place it before a fully connected layer.");
        }

        Value source = _values[affine.Source];
        double[] scales = [.. source.Scales.Zip(affine.Scale, (s, a) => s * a)];
        double[] offsets = [.. source.Offsets.Select((o, c) => o * affine.Scale[c] + affine.Shift[c])];
        // Whoever adds or weighs these values takes in any scale above 0; others would need a layer in any case.
        bool isFree = Array.TrueForAll(scales, s => double.IsPositive(s) && double.IsNormal(s))
            && Array.TrueForAll(offsets, double.IsFinite)
            && (Array.TrueForAll(offsets, o => o == 0) || ReadersOf(affine).All(r => r is FloatLinear or FloatAdd));
        return isFree && (!uniform || Array.TrueForAll(scales, s => s == scales[0]))
            ? source with { Scales = scales, Offsets = offsets }
            : ConvertLinear(
                new FloatLinear(
                    affine.Name, affine.Source, Window.Pointwise(affine.Shape.Height, affine.Shape.Width),
                    affine.Shape.Channels, affine.Scale, affine.Shift),
                source,
                uniform,
                TargetOf(affine));
    }

    /// <summary>The greatest of bits is their OR: whether their sum is at least 1, one decision for a whole window.</summary>
    private Value ConvertMaxPool(FloatMaxPool pool)
    {
        Value source = _values[pool.Source];
        var bit = new Interval(0, 1);
        if (!Array.TrueForAll(source.Bounds, bound => bound.Hull(bit) == bit))
        {
            var layer = new MaxPoolLayer(pool.Name, source.Index, pool.Shape, pool.Window, false);
            return Append(layer, source.Scales, source.Offsets, source);
        }

        Value sum = Append(SumOf(pool, pool.Window, source, bias: -1), source.Scales, source.Offsets, source);
        return Append(new SignLayer(pool.Name, sum.Index, pool.Shape), source.Scales, source.Offsets, sum);
    }

    /// <summary>What windows sum up to, channel by channel.</summary>
    private static LinearLayer SumOf(FloatNode node, Window window, Value source, int bias)
    {
        int channels = node.Shape.Channels;
        var weights = new int[channels * window.Taps];
        Array.Fill(weights, 1);
        return new LinearLayer(
            node.Name, source.Index, node.Shape, window, channels, weights,
            [.. Enumerable.Repeat((BigInteger)bias, channels)]);
    }

    private Value ConvertAveragePool(FloatAveragePool pool)
    {
        Value source = _values[pool.Source];
        int channels = pool.Shape.Channels;
        if (!Array.TrueForAll(source.Offsets, o => o == 0)
            && !pool.Window.AlwaysWithin(source.Shape.Height, source.Shape.Width))
        {
            double[] shares = [.. Enumerable.Repeat(1.0 / pool.Window.Taps, channels * pool.Window.Taps)];
            return ConvertLinear(
                new FloatLinear(pool.Name, pool.Source, pool.Window, channels, shares, new double[channels]), source,
                uniform: false);
        }

        LinearLayer layer = SumOf(pool, pool.Window, source, bias: 0);
        return Append(layer, Array.ConvertAll(source.Scales, s => s / pool.Window.Taps), source.Offsets, source);
    }

    private Value ConvertClip(FloatClip clip)
    {
        Value source = At(clip.Low, clip);
        Layer layer = double.IsPositiveInfinity(clip.High)
            ? new ReluLayer(clip.Name, source.Index, clip.Shape)
            : new ClipLayer(
                clip.Name, source.Index, clip.Shape,
                [.. source.Scales.Select(s => Integers.Round((clip.High - clip.Low) / s, clip.Name))]);
        return Append(layer, source.Scales, source.Offsets, source);
    }

    private Value ConvertConcat(FloatConcat concat)
    {
        Value[] parts = [.. concat.Sources.Select(s => _values[s])];
        var layer = new ConcatLayer(
            concat.Name, parts[0].Index, [.. parts.Skip(1).Select(p => p.Index)], concat.Shape);
        return Append(
            layer, [.. parts.SelectMany(p => p.Scales)], [.. parts.SelectMany(p => p.Offsets)], parts);
    }

    private Value ConvertAdd(FloatAdd add)
    {
        Value first = _values[add.Sources[0]], second = _values[add.Sources[1]];
        int channels = add.Shape.Channels;
        while (first.Scales.Zip(second.Scales, (a, b) => a / b).Max() > MostRatio)
        {
            first = Finer(add.Name, first);
        }

        while (second.Scales.Zip(first.Scales, (a, b) => a / b).Max() > MostRatio)
        {
            second = Finer(add.Name, second);
        }

        int[] factors = new int[channels], secondFactors = new int[channels];
        var scales = new double[channels];
        for (int c = 0; c < channels; c++)
        {
            (factors[c], secondFactors[c]) = Align(first.Scales[c], second.Scales[c]);
            // The larger value decides: its error would weigh most.
            scales[c] = first.Scales[c] > second.Scales[c]
                ? first.Scales[c] / factors[c]
                : second.Scales[c] / secondFactors[c];
        }

        var layer = new AddLayer(add.Name, first.Index, second.Index, add.Shape, factors, secondFactors);
        double[] offsets = [.. first.Offsets.Zip(second.Offsets, (a, b) => a + b)];
        return Append(layer, scales, offsets, first, second);
    }

    /// <summary>The same value in integers that are larger by the greatest factor a sum can have.</summary>
    private Value Finer(string name, Value value)
    {
        Shape shape = value.Shape;
        int[] factors = [.. Enumerable.Repeat(MostRatio, shape.Channels)];
        var layer = new LinearLayer(
            $"{name}/scale", value.Index, shape, Window.Pointwise(shape.Height, shape.Width), shape.Channels, factors,
            new BigInteger[shape.Channels]);
        return Append(layer, Array.ConvertAll(value.Scales, s => s / MostRatio), value.Offsets, value);
    }

    /// <summary>Two small integers in the ratio of two scales, close enough.</summary>
    private static (int First, int Second) Align(double first, double second)
    {
        double ratio = Math.Max(first, second) / Math.Min(first, second);
        if (ratio > 64.0 * MostRatio)
        {
            throw new PopcornException(
                "This network cannot be imported: it adds values whose channels differ too widely in scale. Train it with "
                + "normalisation.");
        }

        int small = 1;
        while (Math.Abs(Math.Round(small * ratio) / (small * ratio) - 1) > AlignmentError)
        {
            small++;
        }

        int large = (int)Math.Round(small * ratio);
        return first > second ? (large, small) : (small, large);
    }

    private Value ConvertSteps(FloatSteps steps)
    {
        Value source = _values[steps.Source];
        int channels = steps.Shape.Channels;
        IntegerCut[] cuts = [.. steps.Cuts.Select((cut, i) =>
        {
            int channel = i / steps.Heights.Length;
            return IntegerCut.Of(cut, source.Scales[channel], source.Offsets[channel], steps.Name);
        })];
        (cuts, double low, double[] heights) = IntegerCut.Simplify(cuts, steps.Low, steps.Heights, channels);
        Value bits = ConvertBits(steps, cuts, heights.Length, source);
        if (heights.Length == 1)
        {
            return bits with
            {
                Scales = [.. Enumerable.Repeat(heights[0], channels)],
                Offsets = [.. Enumerable.Repeat(low, channels)],
            };
        }

        double unit = heights.Min();
        int[] weights = [.. Enumerable.Range(0, channels * heights.Length)
            .Select(i => (int)Math.Round(heights[i % heights.Length] / unit))];
        Window pointwise = Window.Pointwise(steps.Shape.Height, steps.Shape.Width);
        var sum = new LinearLayer(
            $"{steps.Name}/sum", bits.Index, steps.Shape, pointwise, channels, weights, new BigInteger[channels]);
        return Append(
            sum, [.. Enumerable.Repeat(unit, channels)], [.. Enumerable.Repeat(low, channels)], bits);
    }

    /// <summary>
    /// 1 where a cut is passed, [channel][cut]. The thresholds join the linear layer before, where nothing else reads
    /// it and there is one for each channel; else they are a layer of their own, which costs next to nothing.
    /// </summary>
    private Value ConvertBits(FloatSteps steps, IntegerCut[] cuts, int each, Value source)
    {
        if (each == 1 && ReadersOf(steps.Source).Count == 1 && source.Index == _layers.Count
            && _layers.Count > 0 && _layers[^1] is LinearLayer linear)
        {
            _layers.RemoveAt(_layers.Count - 1);
            _numbered.RemoveAt(_numbered.Count - 1);
            source = Append(
                IntegerCut.Join(linear, cuts), source.Scales, source.Offsets, _numbered[linear.Input]);
        }
        else if (!Array.TrueForAll(cuts, cut => cut.IsSign))
        {
            Shape shape = steps.Shape with { Channels = cuts.Length };
            var thresholds = new LinearLayer(
                $"{steps.Name}/threshold", source.Index, shape, Window.Pointwise(shape.Height, shape.Width),
                steps.Shape.Channels, Array.ConvertAll(cuts, cut => cut.Factor), Array.ConvertAll(cuts, cut => cut.Bias));
            double[] unknown = [.. Enumerable.Repeat(1.0, cuts.Length)];
            source = Append(thresholds, unknown, new double[cuts.Length], source);
        }

        double[] ones = [.. Enumerable.Repeat(1.0, cuts.Length)];
        return Append(new SignLayer(steps.Name, source.Index, source.Shape), ones, new double[cuts.Length], source);
    }

    private Value ConvertLinear(FloatLinear linear, Value source, bool uniform, double? offset = null)
    {
        int channels = linear.Bias.Length;
        double target = offset ?? TargetOf(linear);
        bool feedsSteps = _readers.Contains(linear) && ReadersOf(linear).All(r => r is FloatSteps);
        FoldedLinear folded = Fold(linear, source, target);
        QuantizedLinear quantized = uniform
            ? _weights.Uniform(folded)
            : _weights.PerChannel(folded, DemandOf(linear), feedsSteps);
        if (_calibration?.InputsOf(_layers.Count, linear.Name) is { } inputs)
        {
            WeightQuantizer.Calibrate(folded, quantized, inputs);
        }

        BigInteger[] bias = [.. folded.Bias.Select((b, o) => Integers.Round(b / quantized.Steps[o], linear.Name))];
        var layer = new LinearLayer(
            linear.Name, source.Index, linear.Shape, linear.Window, linear.Groups, quantized.Weights, bias)
        {
            Padding = [.. folded.Padding.Select(
                (p, i) => Integers.Round(p / quantized.Steps[i / linear.Window.Taps], linear.Name))],
        };
        // A comparison takes what rounding leaves of a bias, so that it decides exactly.
        double[] offsets = [.. Enumerable.Range(0, channels).Select(o =>
            target + (feedsSteps ? folded.Bias[o] - (double)bias[o] * quantized.Steps[o] : 0))];
        return Append(layer, quantized.Steps, offsets, source);
    }

    /// <summary>The offset that the reader of a node wants its channels to have.</summary>
    private double TargetOf(FloatNode node) => ReadersOf(node) is [FloatClip clip] ? clip.Low : 0;

    /// <summary>What the reader of a linear layer wants of its steps.</summary>
    private StepDemand DemandOf(FloatLinear linear) => ReadersOf(linear) switch
    {
        [FloatClip { High: < double.PositiveInfinity } clip] => StepDemand.Dividing(clip.High - clip.Low),
        [FloatAdd add] when _values.TryGetValue(add.Sources[add.Source == linear ? 1 : 0], out Value? other) =>
            StepDemand.Matching(other.Scales),
        _ => StepDemand.None,
    };

    private List<FloatNode> ReadersOf(FloatNode node) => [.. _readers[node].Distinct()];

    /// <summary>Weights, biases and padding on the integers of the source instead of reals.</summary>
    private static FoldedLinear Fold(FloatLinear linear, Value source, double target)
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

            int output = i / linear.Fan;
            int channel = linear.InputChannelOf(output, i % linear.Fan);
            // A channel that is always the same is part of the bias, and costs nothing.
            double constant = source.IsConstant(channel)
                ? (double)source.Bounds[channel].Low * source.Scales[channel] + source.Offsets[channel]
                : source.Offsets[channel];
            weights[i] = source.IsConstant(channel) ? 0 : weight * source.Scales[channel];
            bias[output] += weight * constant;
            if (isPadded)
            {
                double value = linear.Padding.Length == 0 ? 0 : linear.Padding[channel];
                padding[output * taps + i % taps] += weight * (value - constant);
            }
        }

        if (Array.TrueForAll(padding, p => p == 0))
        {
            padding = [];
        }

        var magnitudes = new double[weights.Length];
        for (int i = 0; i < weights.Length; i++)
        {
            magnitudes[i] = source.Magnitude(linear.InputChannelOf(i / linear.Fan, i % linear.Fan));
        }

        return new FoldedLinear(weights, bias, padding, magnitudes);
    }
}
