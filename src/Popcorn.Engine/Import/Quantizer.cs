using System.Numerics;
using Popcorn.Engine.Compression;
using Popcorn.Engine.Model;

namespace Popcorn.Engine.Import;

/// <summary>
/// Turns a simplified floating-point graph into an integer network. A real activation is integer × scale + offset, with
/// one pair for each channel. Linear layers choose scales (<see cref="LinearQuantizer"/>), ReLU and max-pool keep them,
/// squares square them, average pools sum and divide them, joined channels keep their own, sums align them
/// (<see cref="SumQuantizer"/>), and comparisons need none (<see cref="StepQuantizer"/>).
/// </summary>
internal sealed class Quantizer
{
    /// <summary>
    /// How often a network is quantized at most until its scales have settled: what a layer demands goes to the one
    /// before it, which may in turn demand more.
    /// </summary>
    private const int MostPasses = 8;

    private readonly ImportOptions _options;
    private readonly ActivationStatistics _statistics;
    private readonly ScaleDemands _demands;
    private readonly LayerBuilder _builder = new();
    private readonly Dictionary<FloatNode, QuantizedValue> _values = [];
    private readonly FloatReaders _readers;
    private readonly LinearQuantizer _linear;
    private readonly SumQuantizer _sums;
    private readonly StepQuantizer _steps;

    private Quantizer(
        ImportOptions options, ActivationStatistics statistics, ScaleDemands demands, Calibration? calibration,
        IEnumerable<FloatNode> order)
    {
        _options = options;
        _statistics = statistics;
        _demands = demands;
        _readers = new FloatReaders(order);
        _linear = new LinearQuantizer(_builder, options, calibration, demands, _readers, _values);
        _sums = new SumQuantizer(_builder, demands);
        _steps = new StepQuantizer(_builder);
    }

    /// <summary>Makes the integer network.</summary>
    /// <param name="output">The graph.</param>
    /// <param name="options">How.</param>
    /// <param name="statistics">What its values are on samples.</param>
    /// <param name="demands">Which scales shall be finer; settled when this returns.</param>
    /// <param name="calibration">What the layers of the same network read, rounded to the nearest; or none.</param>
    public static QuantizedNetwork Quantize(
        FloatNode output, ImportOptions options, ActivationStatistics statistics, ScaleDemands demands,
        Calibration? calibration = null)
    {
        for (int pass = 1; pass < MostPasses && !demands.AreSettled; pass++)
        {
            demands.BeginPass();
            QuantizeOnce(output, options, statistics, demands, calibration: null);
        }

        demands.Settle();
        QuantizedNetwork quantized = QuantizeOnce(output, options, statistics, demands, calibration);
        NetworkValidator.Validate(quantized.Network);
        return quantized;
    }

    private static QuantizedNetwork QuantizeOnce(
        FloatNode output, ImportOptions options, ActivationStatistics statistics, ScaleDemands demands,
        Calibration? calibration)
    {
        List<FloatNode> order = FloatGraph.InOrder(output);
        Shape input = FloatGraph.InputOf(order);
        var quantizer = new Quantizer(options, statistics, demands, calibration, order);
        QuantizedValue logits = quantizer.Quantize(order, output);
        if (quantizer._builder.Layers.Count == 0)
        {
            throw new PopcornException(
                "This network cannot be imported: it computes nothing. Export the trained layers.");
        }

        var network = new IntegerNetwork(options.InputOf(input), quantizer._builder.Layers, logits.Scales[0]);
        return new QuantizedNetwork(network, quantizer._values);
    }

    private QuantizedValue Quantize(List<FloatNode> order, FloatNode output)
    {
        HashSet<FloatNode> uniform = FindUniform(output);
        Rescaler? rescaler = _options.RescaleBits == 0 ? null : new Rescaler(_builder, _options.RescaleBits);
        Requantizer? requantizer = _options.ActivationBits == 0 ? null : new Requantizer(
            _builder, _values, _demands, _readers, _options.ActivationBits, isSampled: _options.Samples is not null);
        for (int i = 0; i < order.Count; i++)
        {
            FloatNode node = order[i];
            _options.Progress?.Invoke(i, order.Count, $"rounding {node.Name}");
            QuantizedValue value = Convert(node, uniform.Contains(node)) with { Statistics = _statistics[node] };
            _values[node] = rescaler?.Rescaled(node, value) ?? requantizer?.Narrowed(node, value) ?? value;
        }

        return Comparable(output);
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

    /// <summary>
    /// The logits, through one more layer where they do not share a scale and an offset. A single one is compared with
    /// a number, so that it has no offset.
    /// </summary>
    private QuantizedValue Comparable(FloatNode output)
    {
        QuantizedValue value = _values[output];
        bool isComparable = Array.TrueForAll(value.Scales, s => s == value.Scales[0])
            && value.HasOffset(output.Shape.Size == 1 ? 0 : value.Offsets[0]);
        return isComparable ? value : _linear.Aligned(output.Name, output, uniform: true);
    }

    private QuantizedValue Convert(FloatNode node, bool uniform) => node switch
    {
        FloatInput input => ConvertInput(input.Shape),
        FloatLinear linear => _linear.Convert(linear, _values[linear.Source], uniform),
        FloatAffine affine => ConvertAffine(affine, uniform),
        FloatAveragePool pool => ConvertAveragePool(pool),
        FloatSteps steps => _steps.Convert(
            steps, _values[steps.Source], isOnlyReader: _readers.Of(steps.Source).Count == 1),
        FloatAdd add => _sums.Convert(add, _values[add.Sources[0]], _values[add.Sources[1]]),
        FloatConcat concat => ConvertConcat(concat),
        FloatMaxPool { WithZero: false } pool => ConvertMaxPool(pool),
        FloatMaxPool pool => Bent(
            pool, source => new MaxPoolLayer(pool.Name, source, pool.Shape, pool.Window, WithZero: true)),
        FloatRelu => Bent(node, source => new ReluLayer(node.Name, source, node.Shape)),
        FloatClip clip => ConvertClip(clip),
        FloatSquare square => ConvertSquare(square),
        _ => throw new NotSupportedException($"A {node.GetType().Name} has no integer form."),
    };

    private QuantizedValue ConvertInput(Shape shape)
    {
        (double[] scales, double[] offsets) = _options.InputScales(shape.Channels);
        return _builder.AddInput(
            shape, scales, offsets, new Interval(_options.InputMinimum, _options.InputMaximum));
    }

    private QuantizedValue ConvertAffine(FloatAffine affine, bool uniform)
    {
        if (!affine.IsPerChannel)
        {
            throw new PopcornException(
                $"This network cannot be imported: node '{affine.Name}' scales or shifts each position of a plane by a "
                + "constant of its own. Use one for each channel, or place it before a fully connected layer.");
        }

        QuantizedValue source = _values[affine.Source];
        double[] scales = [.. source.Scales.Zip(affine.Scale, (s, a) => s * a)];
        double[] offsets = [.. source.Offsets.Select((o, c) => o * affine.Scale[c] + affine.Shift[c])];
        // Whoever adds or weighs these values takes in any scale above 0; others would need a layer in any case.
        bool isFree = Array.TrueForAll(scales, s => double.IsPositive(s) && double.IsNormal(s))
            && Array.TrueForAll(offsets, double.IsFinite)
            && (Array.TrueForAll(offsets, o => o == 0) || _readers.Of(affine).All(r => r is FloatLinear or FloatAdd));
        return isFree && (!uniform || Array.TrueForAll(scales, s => s == scales[0]))
            ? source with
            {
                Scales = scales,
                Offsets = offsets,
                Drifts = [.. source.Drifts.Zip(affine.Scale, (d, a) => d * a)],
            }
            : _linear.Convert(affine, source, uniform);
    }

    /// <summary>The value of a node that bends at 0.</summary>
    private QuantizedValue Bent(FloatNode node, Func<int, Layer> layerOn)
    {
        QuantizedValue source = SourceAt(0, node);
        return _builder.Append(layerOn(source.Index), source);
    }

    private QuantizedValue ConvertSquare(FloatSquare square)
    {
        QuantizedValue source = SourceAt(0, square);
        var layer = new SquareLayer(square.Name, source.Index, square.Shape);
        return _builder.Append(layer, Array.ConvertAll(source.Scales, s => s * s), source.Offsets, source);
    }

    private QuantizedValue ConvertClip(FloatClip clip)
    {
        QuantizedValue source = SourceAt(clip.Low, clip);
        Layer layer = double.IsPositiveInfinity(clip.High)
            ? new ReluLayer(clip.Name, source.Index, clip.Shape)
            : new ClipLayer(
                clip.Name, source.Index, clip.Shape,
                [.. source.Scales.Select(s => Rounding.Round((clip.High - clip.Low) / s, clip.Name))]);
        return _builder.Append(layer, source);
    }

    /// <summary>
    /// A node's source with one offset in all channels, through a layer of its own where it has others: what bends at a
    /// number needs it where the integers have their 0.
    /// </summary>
    private QuantizedValue SourceAt(double offset, FloatNode node)
    {
        QuantizedValue value = _values[node.Source];
        return value.HasOffset(offset)
            ? value
            : _linear.Aligned($"{node.Name}/shift", node.Source, uniform: false, offset);
    }

    /// <summary>The greatest of bits is whether their sum is at least 1: one decision for a whole window.</summary>
    private QuantizedValue ConvertMaxPool(FloatMaxPool pool)
    {
        QuantizedValue source = _values[pool.Source];
        var bit = new Interval(0, 1);
        if (!Array.TrueForAll(source.Bounds, bound => bound.Hull(bit) == bit))
        {
            var layer = new MaxPoolLayer(pool.Name, source.Index, pool.Shape, pool.Window, WithZero: false);
            return _builder.Append(layer, source) with { Drifts = source.Drifts };
        }

        QuantizedValue sum = _builder.Append(SumOf(pool, pool.Window, source.Index, bias: -1), source);
        return _builder.Append(new SignLayer(pool.Name, sum.Index, pool.Shape), sum);
    }

    private QuantizedValue ConvertAveragePool(FloatAveragePool pool)
    {
        QuantizedValue source = _values[pool.Source];
        if (!source.HasOffset(0) && !pool.Window.AlwaysWithin(source.Shape.Height, source.Shape.Width))
        {
            int channels = pool.Shape.Channels;
            double[] shares = [.. Enumerable.Repeat(1.0 / pool.Window.Taps, channels * pool.Window.Taps)];
            var linear = new FloatLinear(pool.Name, pool.Source, pool.Window, channels, shares, new double[channels]);
            return _linear.Convert(linear, source, uniform: false);
        }

        double[] scales = Array.ConvertAll(source.Scales, s => s / pool.Window.Taps);
        return _builder.Append(SumOf(pool, pool.Window, source.Index, bias: 0), scales, source.Offsets, source) with
        {
            Drifts = source.Drifts,
        };
    }

    /// <summary>What windows sum up to, channel by channel.</summary>
    private static LinearLayer SumOf(FloatNode node, Window window, int source, int bias)
    {
        int channels = node.Shape.Channels;
        var weights = new int[CheckedSize.Product(channels, window.Taps, node.Name)];
        Array.Fill(weights, 1);
        return new LinearLayer(
            node.Name, source, node.Shape, window, channels, weights,
            [.. Enumerable.Repeat((BigInteger)bias, channels)]);
    }

    private QuantizedValue ConvertConcat(FloatConcat concat)
    {
        QuantizedValue[] parts = [.. concat.Sources.Select((source, i) => _demands.Of(concat, i) is { } factors
            ? _builder.Finer($"{concat.Name}/scale {i + 1}", _values[source], factors)
            : _values[source])];
        var layer = new ConcatLayer(
            concat.Name, parts[0].Index, [.. parts.Skip(1).Select(p => p.Index)], concat.Shape);
        return _builder.Append(
            layer, [.. parts.SelectMany(p => p.Scales)], [.. parts.SelectMany(p => p.Offsets)], parts) with
        {
            Drifts = [.. parts.SelectMany(p => p.Drifts)],
        };
    }
}

/// <summary>An integer network, and what stands in it for the nodes that it was made of.</summary>
/// <param name="Network">The network.</param>
/// <param name="Values">By node; that of one that only comparisons read may have become another.</param>
internal sealed record QuantizedNetwork(
    IntegerNetwork Network, IReadOnlyDictionary<FloatNode, QuantizedValue> Values);
