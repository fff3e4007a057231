using Popcorn.Engine.Import;
using Popcorn.Engine.Import.Onnx;
using Popcorn.Engine.Model;

namespace Popcorn.Engine.Tests.Import;

/// <summary>
/// Adds random layers to a network, and measures each by ONNX Runtime as soon as it stands: so values spread about
/// their thresholds in every layer, as those of trained networks do, whatever is peculiar about the weights.
/// </summary>
internal sealed class MeasuredLayers
{
    private const double DecayedWeight = 1e-41, Epsilon = 1e-5;

    private readonly Random _random;
    private readonly NetworkTraits _traits;
    private readonly double[][] _images;

    public MeasuredLayers(Random random, NetworkTraits traits, Shape input, ImportOptions options, bool isFlat)
    {
        _random = random;
        _traits = traits;
        Onnx = isFlat ? new OnnxBuilder(0, input.Size) : new OnnxBuilder(0, input.Channels, input.Height, input.Width);
        Input = new Value(OnnxBuilder.Image, input, isFlat);
        var description = new InputDescription(input, options.InputMinimum, options.InputMaximum, options.InputScale);
        _images = [.. RandomImages.Draw(description, 6, random.Next()).Select(x => RandomImages.ToReal(x, options))];
    }

    /// <summary>A value of the network, and whether it is N×features.</summary>
    internal sealed record Value(string Name, Shape Shape, bool IsFlat);

    public OnnxBuilder Onnx { get; }

    public Value Input { get; }

    /// <summary>A convolution, or what a flat value has instead, and an activation unless it is linear.</summary>
    public Value Layer(Value x, int outputs, int kernel = 1, int stride = 1, int groups = 1, bool linear = false)
    {
        Value sums = Sums(x, outputs, kernel, stride, groups, Target);
        return linear ? sums : Activated(sums);

        // ReLU6 shall reach 6 now and then.
        double Target() => (_traits.Activation == NetworkTraits.Activations.Relu6 ? 3 : 1) * Gain(_traits.ChannelGain);
    }

    public Value Activated(Value x) => x with
    {
        Name = _traits.Activation switch
        {
            NetworkTraits.Activations.Relu => Onnx.Node("Relu", x.Name),
            NetworkTraits.Activations.LeakyRelu => Onnx.Node("LeakyRelu", x.Name, ("alpha", 0.1)),
            NetworkTraits.Activations.Relu6 => Onnx.Clip(x.Name, 0, 6),
            _ => Onnx.Node("Mul", [x.Name, x.Name]),
        },
    };

    /// <summary>Scores that differ between images: without offsets that all images share.</summary>
    public Value Logits(Value x, int classes) =>
        Sums(Flattened(x), classes, 1, 1, 1, () => Gain(0.2), isLast: true);

    public Value Flattened(Value x) => x.IsFlat ? x : x with { Name = Onnx.Node("Flatten", x.Name), IsFlat = true };

    public Value Joined(params Value[] values) => values[0] with
    {
        Name = Onnx.Node("Concat", [.. values.Select(v => v.Name)], ("axis", 1)),
        Shape = values[0].Shape with { Channels = values.Sum(v => v.Shape.Channels) },
    };

    public Value Added(Value a, Value b) => a with { Name = Onnx.Node("Add", [a.Name, b.Name]) };

    public Value Pooled(Value x, string op, int kernel, int stride, int padding = 0) => x with
    {
        Name = Onnx.Node(
            op, x.Name, ("kernel_shape", new[] { kernel, kernel }), ("strides", new[] { stride, stride }),
            ("pads", Pads(padding))),
        Shape = Slid(x.Shape, kernel, stride, padding),
    };

    public Value PooledWhole(Value x, string op) =>
        x with { Name = Onnx.Node(op, x.Name), Shape = new Shape(x.Shape.Channels, 1, 1) };

    /// <summary>How far every channel of a value is spread, and its mean.</summary>
    public (double Mean, double Deviation)[] Measure(Value x)
    {
        using var reference = new OnnxRuntimeReference(Onnx.Build(x.Name));
        double[][] values = Array.ConvertAll(_images, reference.Run);
        int each = x.Shape.Height * x.Shape.Width;
        return [.. Enumerable.Range(0, x.Shape.Channels).Select(c =>
        {
            double[] channel = [.. values.SelectMany(v => v.Skip(c * each).Take(each))];
            double mean = channel.Average();
            return (mean, Math.Sqrt(channel.Average(v => (v - mean) * (v - mean))));
        })];
    }

    private Value Sums(
        Value x, int outputs, int kernel, int stride, int groups, Func<double> target, bool isLast = false)
    {
        (int channels, int height, int width) = (x.Shape.Channels, x.Shape.Height, x.Shape.Width);
        int taps = x.IsFlat ? height * width : kernel * kernel;
        int each = channels / groups * taps;
        double[] weights = _traits.Weights(_random, outputs, each);
        bool[] decayed = [.. weights.Select(_ => !isLast && _random.NextDouble() < _traits.Decayed)];
        double[] sizes = _traits is { IsCompensated: true, Lattice: 0 } && x.Name != OnnxBuilder.Image
            ? [.. Measure(x).Select(m => Math.Sqrt(m.Mean * m.Mean + m.Deviation * m.Deviation))]
            : new double[channels];
        bool hasNorm = !isLast && !x.IsFlat && _traits.BatchNorm != NetworkTraits.Norms.None;
        double[] raw = [.. Enumerable.Range(0, outputs).Select(_ =>
            hasNorm && _traits is { BatchNorm: NetworkTraits.Norms.Extreme, Lattice: 0 } ? Gain(4) : 1)];
        for (int i = 0; i < weights.Length; i++)
        {
            int output = i / each;
            double size = sizes[output / (outputs / groups) * (channels / groups) + i % each / taps];
            weights[i] = decayed[i] ? 0 : weights[i] * raw[output] / (size > 0 ? size : 1);
        }

        int padding = kernel / 2;
        Shape plane = x.IsFlat ? new Shape(1, 1, 1) : Slid(x.Shape, kernel, stride, padding);
        TensorProto matrix = OnnxBuilder.Tensor(
            x.IsFlat ? [outputs, each] : [outputs, channels / groups, kernel, kernel], weights);
        TensorProto offsets = OnnxBuilder.Tensor([outputs], new double[outputs]);
        string[] inputs = [x.Name, Onnx.Initializer(matrix), Onnx.Initializer(offsets)];
        string name = x.IsFlat
            ? Onnx.Node("Gemm", inputs, ("transB", 1))
            : Onnx.Node(
                "Conv", inputs, ("kernel_shape", new[] { kernel, kernel }), ("strides", new[] { stride, stride }),
                ("pads", Pads(padding)), ("group", groups));
        var sums = new Value(name, plane with { Channels = outputs }, x.IsFlat);

        (double Mean, double Deviation)[] measured = Measure(sums);
        double layerGain = isLast ? 1 : Gain(_traits.LayerGain);
        double[] targets = [.. measured.Select(_ => layerGain * target())];
        double[] biases = [.. targets.Select(t => isLast ? 0 : t * Bias())];
        if (hasNorm)
        {
            double[] scales = [.. targets.Select(t =>
                _traits.BatchNorm == NetworkTraits.Norms.Extreme && _random.Next(8) == 0 ? t * 1e-8 : t)];
            Fill(matrix, weights, decayed);
            return sums with
            {
                Name = Onnx.Node(
                    "BatchNormalization",
                    [
                        name, Onnx.Floats([outputs], scales), Onnx.Floats([outputs], biases),
                        Onnx.Floats([outputs], [.. measured.Select(m => m.Mean)]),
                        Onnx.Floats([outputs], [.. measured.Select(m => m.Deviation * m.Deviation)]),
                    ],
                    ("epsilon", Epsilon)),
            };
        }

        double[] factors = [.. measured.Zip(targets, (m, t) => m.Deviation > 1e-30 ? t / m.Deviation : 1)];
        if (_traits.Lattice > 0)
        {
            Array.Fill(factors, factors.Average());
        }

        for (int i = 0; i < weights.Length; i++)
        {
            weights[i] *= factors[i / each];
        }

        Fill(matrix, weights, decayed);
        Fill(offsets, [.. biases.Select((b, o) => b - measured[o].Mean * factors[o])], new bool[outputs]);
        return sums;
    }

    private double Gain(double powers) => Math.Pow(10, powers * (2 * _random.NextDouble() - 1));

    private double Bias() => _random.NextDouble() < _traits.BigBiases
        ? (_random.Next(2) == 0 ? 1 : -1) * Math.Pow(10, 0.5 + 1.5 * _random.NextDouble())
        : -0.5 + 1.5 * _random.NextDouble();

    private static int[] Pads(int padding) => [padding, padding, padding, padding];

    private static Shape Slid(Shape shape, int kernel, int stride, int padding) => shape with
    {
        Height = (shape.Height + 2 * padding - kernel) / stride + 1,
        Width = (shape.Width + 2 * padding - kernel) / stride + 1,
    };

    private void Fill(TensorProto tensor, double[] values, bool[] decayed)
    {
        tensor.FloatData.Clear();
        tensor.FloatData.AddRange(values.Select((v, i) => decayed[i]
            ? (float)((_random.Next(2) == 0 ? 1 : -1) * DecayedWeight * _random.Next(1, 9))
            : (float)v));
    }
}
