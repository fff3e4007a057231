using System.Numerics;
using Google.Protobuf;
using Popcorn.Engine.Evaluation;
using Popcorn.Engine.Import;
using Popcorn.Engine.Import.Onnx;
using Popcorn.Engine.Model;
using Popcorn.Engine.Tests.Sessions;

namespace Popcorn.Engine.Tests.Import;

/// <summary>Residual, joined, clipped, binarised and quantized networks against their floating-point values.</summary>
public class BranchesAndStepsTests
{
    private const string X = OnnxBuilder.Image;

    private static readonly ImportOptions Whole = new() { InputScale = 1, InputMinimum = -20, InputMaximum = 20 };

    private static readonly ImportOptions Fine = new() { WeightBits = 12 };

    private readonly Random _random = new(23);

    public static TheoryData<string, Func<BranchesAndStepsTests, OnnxBuilder, string>> CloseNetworks => new()
    {
        { "residual", (t, o) => t.Residual(o, X) },
        {
            "residuals in a row",
            (t, o) => Enumerable.Range(0, 4).Aggregate(
                t.Conv(o, X, 3, 3, 3), (x, _) => t.Residual(o, o.Node("Relu", x)))
        },
        { "a residual of two convolutions", (t, o) => o.Node("Add", [t.Conv(o, X, 3, 3, 1), t.Conv(o, X, 3, 3, 3)]) },
        { "a difference", (t, o) => o.Node("Relu", o.Node("Sub", [t.Conv(o, X, 3, 3, 1), t.Conv(o, X, 3, 3, 3)])) },
        {
            "a sum of three",
            (t, o) => o.Node("Sum", [t.Conv(o, X, 2, 3, 1), t.Conv(o, X, 2, 3, 3), t.Conv(o, X, 2, 3, 1)])
        },
        {
            "joined branches",
            (t, o) =>
            {
                string x = o.Node("Relu", t.Conv(o, X, 4, 3, 3, scale: 20));
                string left = o.Node("Relu", t.Conv(o, x, 3, 4, 1));
                string right = o.Node("Relu", t.Conv(o, x, 2, 4, 3, scale: 0.01));
                x = o.Node("Concat", [left, right], ("axis", 1));
                x = o.Node(
                    "MaxPool", x, ("kernel_shape", new[] { 3, 3 }), ("strides", new[] { 2, 2 }), ("ceil_mode", 1));
                return t.Conv(o, o.Node("Concat", [x, x, x], ("axis", -3)), 3, 15, 1);
            }
        },
        {
            "joined logits of two sizes",
            (t, o) => o.Node("Concat", [t.Conv(o, X, 2, 3, 1), t.Conv(o, X, 1, 3, 1, scale: 9)], ("axis", 1))
        },
        { "relu6", (t, o) => t.Conv(o, o.Clip(t.Conv(o, X, 4, 3, 3, scale: 3), 0, 1.5), 2, 4, 1) },
        {
            "relu6 by attributes, as before operator set 11",
            (t, o) =>
            {
                o.OperatorSet = 10;
                string x = o.Node("Clip", t.Conv(o, X, 4, 3, 3, scale: 3), ("min", 0.0), ("max", 1.5));
                return t.Conv(o, x, 2, 4, 1);
            }
        },
        { "hard tanh", (t, o) => t.Conv(o, o.Clip(t.Conv(o, X, 4, 3, 3, scale: 3), -1, 1), 2, 4, 3) },
        { "hard sigmoid", (t, o) => t.Conv(o, o.Node("HardSigmoid", t.Conv(o, X, 4, 3, 3, scale: 9)), 2, 4, 3) },
        {
            "clipped from below",
            (t, o) => t.Conv(o, o.Node("Max", [o.Floats([], -0.5), t.Conv(o, X, 4, 3, 3)]), 2, 4, 3)
        },
        {
            "clipped from above",
            (t, o) => t.Conv(o, o.Node("Min", [t.Conv(o, X, 4, 3, 3), o.Floats([], 0.5)]), 2, 4, 3)
        },
        { "a clip of a sum", (t, o) => t.Conv(o, o.Clip(t.Residual(o, X), -0.25, 0.5), 2, 3, 1) },
        { "leaky relu", (t, o) => t.Conv(o, o.Node("LeakyRelu", t.Conv(o, X, 4, 3, 3), ("alpha", 0.125)), 2, 4, 1) },
        {
            "padding of another value behind a shift",
            (t, o) => t.Conv(
                o, t.PadWith(o, 0.75, o.Node("Add", [X, o.Floats([3, 1, 1], 1, -2, 3)])), 3, 3, 3, pad: 0)
        },
        {
            "an average over joined and shifted values",
            (t, o) => o.Node(
                "AveragePool", o.Node("Neg", o.Clip(t.Conv(o, X, 4, 3, 3), -0.3, 2)),
                ("kernel_shape", new[] { 2, 2 }), ("pads", new[] { 1, 1, 1, 1 }), ("count_include_pad", 1))
        },
        {
            "mean over the plane",
            (t, o) => o.Node(
                "ReduceMean", o.Node("Relu", t.Conv(o, X, 4, 3, 3)), ("axes", new[] { 2, 3 }), ("keepdims", 0))
        },
        {
            "a quantized network",
            (t, o) =>
            {
                string x = o.Node("Conv", [X, t.Quantized(o, 4, 3, 3, 3)]);
                string scale = o.Floats([], 0.05);
                var zero = new TensorProto { DataType = 2, RawData = ByteString.CopyFrom(0) };
                string point = o.Initializer(zero);
                x = o.Node("DequantizeLinear", [o.Node("QuantizeLinear", [x, scale, point]), scale, point]);
                return o.Node("Conv", [x, t.Quantized(o, 3, 4, 1, 1)]);
            }
        },
    };

    [Theory]
    [MemberData(nameof(CloseNetworks), DisableDiscoveryEnumeration = true)]
    public void Logits_are_close(string what, Func<BranchesAndStepsTests, OnnxBuilder, string> build)
    {
        Assert.NotEmpty(what);
        for (int run = 0; run < 5; run++)
        {
            var onnx = new OnnxBuilder(0, 3, 6, 5);
            AssertClose(onnx, build(this, onnx), 0.01, Fine);
        }
    }

    /// <summary>
    /// Weights ±1 or −1, 0, 1 and whole inputs: whole sums, so that thresholds are met exactly every so often.
    /// </summary>
    public static TheoryData<string, Func<BranchesAndStepsTests, OnnxBuilder, string>> BinaryNetworks => new()
    {
        { "signs written as selections", (t, o) => t.Binary(o, t.Select(o, t.Binary(o, X, 4, 3)), 3, 4) },
        { "padding with one", (t, o) => t.Binary(o, t.PadWith(o, 1, t.Select(o, t.Binary(o, X, 4, 3))), 3, 4) },
        { "padding with minus one", (t, o) => t.Binary(o, t.PadWith(o, -1, t.Select(o, t.Binary(o, X, 4, 3))), 3, 4) },
        { "padding with zero", (t, o) => t.Binary(o, t.Select(o, t.Binary(o, X, 4, 3)), 3, 4, pad: 1) },
        {
            "padding with zero before a sign",
            (t, o) => t.Binary(o, t.Select(o, t.Binary(o, t.Select(o, t.Binary(o, X, 4, 3)), 5, 4, pad: 1)), 3, 5)
        },
        { "sign with a zero", (t, o) => t.Binary(o, o.Node("Sign", t.Binary(o, X, 4, 3)), 3, 4) },
        { "greater", (t, o) => t.Binary(o, t.Select(o, t.Binary(o, X, 4, 3), "Greater"), 3, 4) },
        { "less", (t, o) => t.Binary(o, t.Select(o, t.Binary(o, X, 4, 3), "Less", 2), 3, 4) },
        { "at most", (t, o) => t.Binary(o, t.Select(o, t.Binary(o, X, 4, 3), "LessOrEqual", -2), 3, 4) },
        {
            "a comparison turned round and negated",
            (t, o) =>
            {
                string condition = o.Node("Not", o.Node("Less", [o.Floats([], 1), t.Binary(o, X, 4, 3)]));
                return t.Binary(o, o.Node("Where", [condition, o.Floats([], 3), o.Floats([], -1)]), 3, 4);
            }
        },
        {
            "batch norm of either direction",
            (t, o) => t.Binary(o, t.Select(o, t.Norm(o, t.Binary(o, X, 4, 3), 4)), 3, 4)
        },
        {
            "batch norm behind a sum that others read",
            (t, o) =>
            {
                string x = t.Binary(o, X, 4, 3);
                string bits = t.Select(o, t.Norm(o, x, 4));
                string y = o.Node("Add", [t.Binary(o, t.PadWith(o, 1, bits), 4, 4), x]);
                return o.Node("Add", [t.Binary(o, t.PadWith(o, 1, t.Select(o, t.Norm(o, y, 4))), 4, 4), y]);
            }
        },
        {
            "half of the sum and the fan",
            (t, o) =>
            {
                string x = t.Binary(o, t.Select(o, t.Binary(o, X, 4, 3)), 4, 4);
                x = o.Node("Mul", [o.Node("Add", [x, o.Floats([], 36)]), o.Floats([], 0.5)]);
                return t.Binary(o, t.Select(o, t.Norm(o, x, 4)), 3, 4);
            }
        },
        {
            "max-pool before the sign",
            (t, o) => t.Binary(o, t.Select(o, t.Norm(o, t.MaxPool(o, t.Binary(o, X, 4, 3)), 4)), 3, 4)
        },
        {
            "max-pool and relu before the sign",
            (t, o) => t.Binary(o, t.Select(o, t.Norm(o, t.MaxPool(o, o.Node("Relu", t.Binary(o, X, 4, 3))), 4)), 3, 4)
        },
        { "max-pool behind the sign", (t, o) => t.Binary(o, t.MaxPool(o, t.Select(o, t.Binary(o, X, 4, 3))), 3, 4) },
        {
            "tanh and hard tanh before the sign",
            (t, o) => t.Binary(o, t.Select(o, o.Clip(o.Node("Tanh", t.Binary(o, X, 4, 3)), -1, 1)), 3, 4)
        },
        {
            "ternary weights",
            (t, o) => t.Binary(o, t.Select(o, t.Norm(o, t.Binary(o, X, 4, 3, ternary: true), 4)), 3, 4, ternary: true)
        },
        {
            "thresholds that are always or never passed",
            (t, o) => t.Binary(o, t.Select(o, t.Norm(o, o.Node("Relu", t.Binary(o, X, 4, 3)), 4)), 3, 4)
        },
    };

    [Theory]
    [MemberData(nameof(BinaryNetworks), DisableDiscoveryEnumeration = true)]
    public void Binary_networks_are_exact(string what, Func<BranchesAndStepsTests, OnnxBuilder, string> build)
    {
        Assert.NotEmpty(what);
        for (int run = 0; run < 8; run++)
        {
            var onnx = new OnnxBuilder(0, 3, 9, 8);
            IntegerNetwork network = AssertClose(onnx, build(this, onnx), 1e-9, Whole);

            // Their weights stay as small as they are; a half of an odd sum doubles them.
            Assert.All(network.Layers.OfType<LinearLayer>(), l => Assert.InRange(l.Weights.Max(Math.Abs), 0, 2));
        }
    }

    public static TheoryData<string, Func<BranchesAndStepsTests, OnnxBuilder, string>> ObliviousNetworks => new()
    {
        { "residual", (t, o) => t.Residual(o, t.Residual(o, X)) },
        {
            "joined and pooled",
            (t, o) =>
            {
                string x = o.Node("Relu", t.Conv(o, X, 2, 3, 1));
                string left = o.Node("Relu", t.Conv(o, x, 2, 2, 1)), right = o.Node("Relu", t.Conv(o, x, 3, 2, 3));
                string y = o.Node("Concat", [left, right], ("axis", 1));
                return t.Conv(o, t.MaxPool(o, y), 2, 5, 1);
            }
        },
        { "relu6", (t, o) => t.Conv(o, o.Clip(t.Conv(o, X, 3, 3, 3, scale: 3), 0, 1.5), 2, 3, 1) },
        { "hard tanh", (t, o) => t.Conv(o, o.Clip(t.Conv(o, X, 3, 3, 3, scale: 3), -1, 1), 2, 3, 3) },
        { "a staircase", (t, o) => t.Conv(o, o.Node("Tanh", t.Conv(o, X, 2, 3, 3)), 2, 2, 3) },
        {
            "binary with padding and a residual",
            (t, o) =>
            {
                string x = t.Binary(o, t.PadWith(o, 1, t.Select(o, t.Conv(o, X, 3, 3, 3))), 3, 3);
                string bits = t.Select(o, t.Norm(o, x, 3));
                x = o.Node("Add", [t.Binary(o, bits, 3, 3, pad: 1), x]);
                return t.Binary(o, t.Select(o, t.Norm(o, x, 3)), 2, 3);
            }
        },
        {
            "max-pool before the sign",
            (t, o) => t.Binary(o, t.Select(o, t.Norm(o, t.MaxPool(o, t.Binary(o, X, 3, 3)), 3)), 2, 3, pad: 1)
        },
    };

    [Theory]
    [MemberData(nameof(ObliviousNetworks), DisableDiscoveryEnumeration = true)]
    public async Task Oblivious_logits_equal_the_plain_ones(
        string what, Func<BranchesAndStepsTests, OnnxBuilder, string> build)
    {
        Assert.NotEmpty(what);
        var onnx = new OnnxBuilder(0, 3, 6, 5);
        var options = new ImportOptions { WeightBits = 4, ActivationSteps = 3 };
        IntegerNetwork network = onnx.Import(build(this, onnx), options);
        await SessionTests.AssertAgreesAsync(network, _random);
    }

    [Fact]
    public void Max_pool_and_sign_are_a_count_of_bits()
    {
        var onnx = new OnnxBuilder(0, 3, 9, 8);
        string x = Select(onnx, Norm(onnx, MaxPool(onnx, onnx.Node("Relu", Binary(onnx, X, 4, 3))), 4));
        IntegerNetwork network = onnx.Import(Binary(onnx, x, 3, 4), Whole);
        Assert.Equal(["conv", "sign", "conv", "sign", "conv"], network.Layers.Select(l => l.KindName));
    }

    [Theory]
    [InlineData("Tanh", 2.0)]
    [InlineData("Sigmoid", 1.0)]
    [InlineData("Softsign", 2.0)]
    [InlineData("Atan", Math.PI)]
    public void A_bounded_activation_is_a_staircase_within_half_a_step(string op, double span)
    {
        foreach (int steps in (int[])[1, 4, 15, 40])
        {
            var onnx = new OnnxBuilder(0, 5);
            double[] identity = [.. Enumerable.Range(0, 25).Select(i => i % 6 == 0 ? 8.0 : 0)];
            string x = onnx.Node("Gemm", [X, onnx.Floats([5, 5], identity), onnx.Floats([5], -4, -4, -4, -4, -4)]);
            x = onnx.Node("MatMul", [onnx.Node(op, x), onnx.Floats([5, 5], identity)]);
            IntegerNetwork network = onnx.Import(x, Fine with { ActivationSteps = steps });
            int[] image = [0, 100, 127, 180, 255];
            using var reference = new OnnxRuntimeReference(onnx.Build(x));
            double[] expected = reference.Run(Array.ConvertAll(image, v => v / 255.0));
            BigInteger[] logits = new PlainEvaluator(network).Run(image);
            for (int i = 0; i < 5; i++)
            {
                double difference = Math.Abs((double)logits[i] * network.LogitScale - expected[i]) / 8;
                Assert.InRange(difference, 0, span / steps / 2 * 1.001);
            }
        }
    }

    [Fact]
    public void The_greatest_of_signs_takes_one_decision_for_a_window()
    {
        var onnx = new OnnxBuilder(0, 3, 9, 8);
        string x = Binary(onnx, MaxPool(onnx, Select(onnx, Binary(onnx, X, 4, 3))), 3, 4);
        IReadOnlyList<Layer> layers = onnx.Import(x, Fine).Layers;
        Assert.DoesNotContain(layers, layer => layer is MaxPoolLayer);
        Assert.Equal(2, layers.Count(layer => layer is SignLayer));
    }

    [Fact]
    public void Activations_at_the_end_are_dropped_and_reported()
    {
        var onnx = new OnnxBuilder(0, 5);
        string x = onnx.Node("Gemm", [X, Reals(onnx, 1, 5, 3)]);
        x = onnx.Node("ArgMax", onnx.Node("Sigmoid", onnx.Clip(x, -1, 1)), ("axis", 1));
        var reports = new List<string>();
        Assert.Single(onnx.Import(x, new ImportOptions { Report = reports.Add }).Layers);
        Assert.Equal(3, reports.Count);
    }

    [Fact]
    public void Weights_that_are_quantized_already_are_taken_as_they_are()
    {
        var onnx = new OnnxBuilder(0, 3, 6, 5);
        string w = Quantized(onnx, 4, 3, 3, 3);
        IntegerNetwork network = onnx.Import(onnx.Node("Relu", onnx.Node("Conv", [X, w])));
        TensorProto tensor = onnx.Model.Graph.Initializer.First(t => t.DataType == 3);
        Assert.Equal(
            tensor.RawData.ToByteArray().Select(b => (sbyte)b - 3),
            Assert.IsType<LinearLayer>(network.Layers[0]).Weights);
    }

    /// <summary>Deep enough for two rescalings: close in plaintext, and obliviously within the stated error.</summary>
    [Fact]
    public async Task Rescaled_networks_stay_close_and_within_their_stated_error()
    {
        var onnx = new OnnxBuilder(0, 3, 6, 5);
        string x = X;
        foreach (int inputs in (int[])[3, 4, 4, 4, 4])
        {
            x = onnx.Node("Relu", Conv(onnx, x, 4, inputs, 3, scale: 2));
        }

        string logits = Conv(onnx, x, 2, 4, 1);
        IntegerNetwork exact = onnx.Import(logits);
        IntegerNetwork network = AssertClose(onnx, logits, 0.03, new ImportOptions { RescaleBits = 12 });
        Assert.InRange(network.Layers.OfType<RescaleLayer>().Count(), 1, 3);
        Assert.True(Bounds.Of(network).Hull(network.Layers.Count).MagnitudeBits + 12
            < Bounds.Of(exact).Hull(exact.Layers.Count).MagnitudeBits);
        Assert.Equal(0, RoundingError.Of(exact));
        await SessionTests.AssertAgreesAsync(network, _random, RoundingError.Of(network));
    }

    /// <summary>A sign makes whole errors of small ones: what it reads keeps more bits than were asked for.</summary>
    [Fact]
    public void Real_weights_before_a_sign_are_rounded_finely()
    {
        var onnx = new OnnxBuilder(0, 3, 6, 5);
        string x = Select(onnx, Conv(onnx, X, 4, 3, 3));
        IntegerNetwork network = onnx.Import(Conv(onnx, x, 2, 4, 1), new ImportOptions { WeightBits = 4 });
        Assert.Equal((1 << 15) - 1, ((LinearLayer)network.Layers[0]).Weights.Max(Math.Abs));
        Assert.Equal(7, ((LinearLayer)network.Layers[^1]).Weights.Max(Math.Abs));
    }

    [Fact]
    public void Images_with_channels_last_are_described_with_channels_first()
    {
        var onnx = new OnnxBuilder(0, 6, 5, 3);
        string x = onnx.Node("Transpose", X, ("perm", new[] { 0, 3, 1, 2 }));
        x = onnx.Node("GlobalMaxPool", Conv(onnx, x, 4, 3, 3));
        IntegerNetwork network = onnx.Import(onnx.Node("Transpose", x, ("perm", new[] { 0, 2, 3, 1 })));
        Assert.Equal(new Shape(3, 6, 5), network.Input.Shape);
    }

    [Fact]
    public void A_single_bit_leaves_signs_alone()
    {
        var onnx = new OnnxBuilder(0, 3, 6, 5);
        string x = onnx.Node("Relu", Conv(onnx, X, 4, 3, 3));
        IntegerNetwork network = onnx.Import(Conv(onnx, x, 4, 4, 3), new ImportOptions { WeightBits = 1 });
        Assert.All(network.Layers.OfType<LinearLayer>().SelectMany(l => l.Weights), w => Assert.InRange(w, -1, 1));
    }

    private string Residual(OnnxBuilder onnx, string x)
    {
        string y = onnx.Node("Relu", Conv(onnx, x, 4, 3, 3));
        return onnx.Node("Add", [Conv(onnx, y, 3, 4, 3), x]);
    }

    private string Conv(
        OnnxBuilder onnx, string x, int outputs, int inputs, int kernel, double scale = 1, int? pad = null)
    {
        int p = pad ?? kernel / 2;
        return onnx.Node(
            "Conv", [x, Reals(onnx, scale, outputs, inputs, kernel, kernel), Reals(onnx, scale, outputs)],
            ("pads", new[] { p, p, p, p }));
    }

    private string Reals(OnnxBuilder onnx, double scale, params int[] dims) =>
        onnx.Floats(dims, Draw(dims, () => scale * (_random.NextDouble() - 0.5)));

    private string Binary(OnnxBuilder onnx, string x, int outputs, int inputs, int pad = 0, bool ternary = false)
    {
        int[] dims = [outputs, inputs, 3, 3];
        string w = onnx.Floats(dims, Draw(dims, () => ternary ? _random.Next(-1, 2) : 2 * _random.Next(2) - 1));
        return onnx.Node("Conv", [x, w], ("pads", new[] { pad, pad, pad, pad }));
    }

    private string Select(OnnxBuilder onnx, string x, string comparison = "GreaterOrEqual", double threshold = 0)
    {
        string condition = onnx.Node(comparison, [x, onnx.Floats([], threshold)]);
        return onnx.Node("Where", [condition, onnx.Floats([], 1), onnx.Floats([], -1)]);
    }

    private string PadWith(OnnxBuilder onnx, double value, string x) =>
        onnx.Node("Pad", [x, onnx.Integers(0, 0, 1, 1, 0, 0, 1, 1), onnx.Floats([], value)]);

    private string MaxPool(OnnxBuilder onnx, string x) =>
        onnx.Node(
            "MaxPool", x,
            ("kernel_shape", new[] { 3, 3 }), ("strides", new[] { 1, 2 }), ("pads", new[] { 1, 0, 1, 1 }));

    /// <summary>Scales of powers of two and whole shifts: ties survive the arithmetic.</summary>
    private string Norm(OnnxBuilder onnx, string x, int channels)
    {
        string Draws(Func<double> draw) => onnx.Floats([channels], Draw([channels], draw));
        return onnx.Node(
            "BatchNormalization",
            [
                x, Draws(() => (2 * _random.Next(2) - 1) * Math.Pow(2, _random.Next(-3, 3))),
                Draws(() => _random.Next(-3, 4)), Draws(() => _random.Next(-4, 5)), Draws(() => 1),
            ],
            ("epsilon", 0.0));
    }

    private string Quantized(OnnxBuilder onnx, params int[] dims)
    {
        byte[] bytes = [.. Draw(dims, () => _random.Next(-128, 128)).Select(v => (byte)(sbyte)v)];
        bytes[0] = 0x7f;
        var tensor = new TensorProto { DataType = 3, RawData = ByteString.CopyFrom(bytes) };
        tensor.Dims.AddRange(dims.Select(d => (long)d));
        var zero = new TensorProto { DataType = 3, RawData = ByteString.CopyFrom(3) };
        return onnx.Node(
            "DequantizeLinear", [onnx.Initializer(tensor), onnx.Floats([], 0.0123), onnx.Initializer(zero)]);
    }

    private static double[] Draw(int[] dims, Func<double> draw) =>
        [.. Enumerable.Range(0, dims.Aggregate(1, (a, b) => a * b)).Select(_ => draw())];

    private IntegerNetwork AssertClose(
        OnnxBuilder onnx, string output, double tolerance, ImportOptions options) =>
        Comparison.AssertClose(onnx.Build(output), tolerance, options, _random, staircase: true);
}
