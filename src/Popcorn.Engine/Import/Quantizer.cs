using System.Numerics;
using Popcorn.Engine.Model;
using Popcorn.Engine.Planning;

namespace Popcorn.Engine.Import;

/// <summary>
/// Turns a simplified floating-point graph into an integer network. A real activation is integer × scale, with one
/// scale for each channel. Linear layers take the scales of what they read into their weights, choose a step for each
/// output channel (one for all where the scales must agree), and round; the step is their output's scale. ReLU and
/// max-pool keep scales, squares square them, average pools sum and divide the scale.
/// </summary>
internal sealed class Quantizer
{
    /// <summary>
    /// Integers up to this size round a bias well enough: weights that need no precision of their own, because a
    /// channel has only one, are kept as small as this allows.
    /// </summary>
    private const double FineGrain = 1 << 11;

    /// <summary>
    /// How much larger than the layer's widest sum of products a bias may be. A channel that is nearly constant would
    /// otherwise have tiny steps and huge integers, and the next layer, whose weights round relative to its largest
    /// one, would lose it.
    /// </summary>
    private const double BiasRoom = 4;

    /// <summary>Values of more bits fit no key and no double.</summary>
    private const int MostBits = 900;

    private readonly ImportOptions _options;
    private readonly int _largestWeight;
    private readonly List<Layer> _layers = [];
    private readonly Dictionary<FloatNode, Value> _values = [];

    private Quantizer(ImportOptions options)
    {
        _options = options;
        _largestWeight = (1 << (options.WeightBits - 1)) - 1;
    }

    /// <summary>What stands for a node's value in the integer network.</summary>
    /// <param name="Index">Its number: see <see cref="Layer"/>.</param>
    /// <param name="Shape">Its shape.</param>
    /// <param name="Scales">Real value = integer × scale, by channel; positive.</param>
    /// <param name="Bounds">What the integers can be, by channel.</param>
    private sealed record Value(int Index, Shape Shape, double[] Scales, Interval[] Bounds)
    {
        /// <summary>Greatest magnitude of a channel's integers.</summary>
        public double Magnitude(int channel) =>
            (double)BigInteger.Max(BigInteger.Abs(Bounds[channel].Low), BigInteger.Abs(Bounds[channel].High));
    }

    public static IntegerNetwork Quantize(FloatNode output, ImportOptions options)
    {
        var quantizer = new Quantizer(options);
        List<FloatNode> order = FloatGraph.InOrder(output);
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
            quantizer._values[node] = quantizer.Convert(node, uniform.Contains(node));
        }

        if (quantizer._layers.Count == 0)
        {
            throw new PopcornException(
                "This network cannot be imported: it computes nothing. Export the trained layers.");
        }

        var input = new InputDescription(
            inputs[0].Shape, options.InputMinimum, options.InputMaximum, options.InputScale);
        return new IntegerNetwork(input, quantizer._layers, quantizer._values[output].Scales[0]);
    }

    /// <summary>
    /// Logits are compared with each other, so their scales must agree. The demand passes through layers that keep
    /// channels apart, up to a linear layer that can meet it.
    /// </summary>
    private static HashSet<FloatNode> FindUniform(FloatNode output)
    {
        var result = new HashSet<FloatNode>();
        FloatNode node = output;
        while (result.Add(node) && node is FloatRelu or FloatSquare or FloatMaxPool or FloatAveragePool)
        {
            node = node.Source;
        }

        return result;
    }

    private Value Convert(FloatNode node, bool uniform)
    {
        switch (node)
        {
            case FloatInput:
                var range = new Interval(_options.InputMinimum, _options.InputMaximum);
                int channels = node.Shape.Channels;
                return new Value(
                    0, node.Shape,
                    [.. Enumerable.Repeat(_options.InputScale, channels)], [.. Enumerable.Repeat(range, channels)]);
            case FloatLinear linear:
                return ConvertLinear(linear, uniform);
            case FloatAffine affine:
                return ConvertAffine(affine, uniform);
            case FloatAveragePool pool:
                return ConvertAveragePool(pool);
        }

        Value source = _values[node.Source];
        return node switch
        {
            FloatRelu => Append(new ReluLayer(node.Name, source.Index, node.Shape), source, source.Scales),
            FloatSquare => Append(
                new SquareLayer(node.Name, source.Index, node.Shape), source,
                Array.ConvertAll(source.Scales, s => s * s)),
            FloatMaxPool pool => Append(
                new MaxPoolLayer(pool.Name, source.Index, pool.Shape, pool.Window, pool.WithZero), source,
                source.Scales),
            _ => throw new NotSupportedException($"A {node.GetType().Name} has no integer form."),
        };
    }

    private Value Append(Layer layer, Value source, double[] scales)
    {
        Interval[] bounds = Bounds.Through(layer, source.Shape, source.Bounds);
        int bits = bounds.Max(b => b.MagnitudeBits);
        if (bits > MostBits || !scales.All(s => double.IsNormal(s)))
        {
            throw new PopcornException(
                $"This network cannot be imported: at '{layer.Name}' its values outgrow what any key can hold ({bits} "
                + "bits). Use fewer weight bits, or fewer layers that square.");
        }

        _layers.Add(layer);
        return new Value(_layers.Count, layer.Output, scales, bounds);
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
        bool isOnlyScale = Array.TrueForAll(affine.Shift, s => s == 0) && Array.TrueForAll(scales, double.IsPositive)
            && Array.TrueForAll(scales, double.IsNormal);
        return isOnlyScale && (!uniform || Array.TrueForAll(scales, s => s == scales[0]))
            ? source with { Scales = scales }
            : ConvertLinear(
                new FloatLinear(
                    affine.Name, affine.Source, Window.Pointwise(affine.Shape.Height, affine.Shape.Width),
                    affine.Shape.Channels, affine.Scale, affine.Shift),
                uniform);
    }

    private Value ConvertAveragePool(FloatAveragePool pool)
    {
        Value source = _values[pool.Source];
        int channels = pool.Shape.Channels;
        var weights = new int[channels * pool.Window.Taps];
        Array.Fill(weights, 1);
        var layer = new LinearLayer(
            pool.Name, source.Index, pool.Shape, pool.Window, channels, weights, new BigInteger[channels]);
        return Append(layer, source, Array.ConvertAll(source.Scales, s => s / pool.Window.Taps));
    }

    private Value ConvertLinear(FloatLinear linear, bool uniform)
    {
        Value source = _values[linear.Source];
        double[] folded = FoldScales(linear, source);
        double[] steps = Steps(linear, folded, source, uniform);
        var weights = new int[folded.Length];
        for (int i = 0; i < weights.Length; i++)
        {
            double rounded = Math.Round(folded[i] / steps[i / linear.Fan]);
            weights[i] = (int)Math.Clamp(rounded, -_largestWeight, _largestWeight);
        }

        BigInteger[] bias = [.. linear.Bias.Select((b, o) => Round(b / steps[o], linear))];
        var layer = new LinearLayer(
            linear.Name, source.Index, linear.Shape, linear.Window, linear.Groups, weights, bias);
        return Append(layer, source, steps);
    }

    private static BigInteger Round(double value, FloatLinear linear) => double.IsFinite(value)
        ? new BigInteger(Math.Round(value))
        : throw new PopcornException(
            $"This network cannot be imported: a bias of node '{linear.Name}' dwarfs its weights. Train it again.");

    /// <summary>Weights on integers instead of reals; 0 on channels that are always 0 and cost for nothing.</summary>
    private static double[] FoldScales(FloatLinear linear, Value source)
    {
        double[] factors = [.. source.Scales.Select((s, c) => source.Magnitude(c) == 0 ? 0 : s)];
        var folded = new double[linear.Weights.Length];
        for (int i = 0; i < folded.Length; i++)
        {
            folded[i] = linear.Weights[i] * factors[linear.InputChannelOf(i / linear.Fan, i % linear.Fan)];
        }

        return folded;
    }

    /// <summary>The step of each output channel: the real value of its integer 1.</summary>
    private double[] Steps(FloatLinear linear, double[] folded, Value source, bool uniform)
    {
        int channels = linear.Bias.Length;
        double[] magnitudes = [.. Enumerable.Range(0, linear.Source.Shape.Channels).Select(source.Magnitude)];
        // Of each channel: the largest weight, and the largest sum of products.
        var largest = new double[channels];
        var sums = new double[channels];
        for (int i = 0; i < folded.Length; i++)
        {
            int output = i / linear.Fan;
            double weight = Math.Abs(folded[i]);
            largest[output] = Math.Max(largest[output], weight);
            sums[output] += weight * magnitudes[linear.InputChannelOf(output, i % linear.Fan)];
        }

        if (uniform)
        {
            double step = largest.Max() / _largestWeight;
            double widest = linear.Bias.Max(Math.Abs);
            step = step > 0 ? step : widest > 0 ? widest / FineGrain : 1;
            return [.. Enumerable.Repeat(step, channels)];
        }

        var steps = new double[channels];
        double room = 0;
        for (int o = 0; o < channels; o++)
        {
            if (largest[o] > 0)
            {
                steps[o] = largest[o] / (linear.Fan == 1 ? SingleWeight(sums[o] / largest[o]) : _largestWeight);
                room = Math.Max(room, sums[o] / steps[o]);
            }
        }

        room = room > 0 ? room * BiasRoom : FineGrain;
        for (int o = 0; o < channels; o++)
        {
            steps[o] = Math.Max(steps[o], Math.Abs(linear.Bias[o]) / room);
            steps[o] = steps[o] > 0 ? steps[o] : 1;
        }

        return steps;
    }

    /// <summary>
    /// A channel with a single weight is exact with any integer in its place; it only has to be large enough for the
    /// bias to be rounded finely against what the channel reads.
    /// </summary>
    private int SingleWeight(double magnitude)
    {
        int weight = 1;
        while (weight * magnitude < FineGrain && weight * 2 <= _largestWeight)
        {
            weight *= 2;
        }

        return weight;
    }
}
