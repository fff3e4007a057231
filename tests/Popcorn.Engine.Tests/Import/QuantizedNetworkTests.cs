using Google.Protobuf;
using Popcorn.Engine.Evaluation;
using Popcorn.Engine.Import;
using Popcorn.Engine.Import.Onnx;
using Popcorn.Engine.Model;
using Popcorn.Tests;

namespace Popcorn.Engine.Tests.Import;

/// <summary>
/// Networks quantized by others. Their activations are rounded and those of Popcorn are not, so they are compared with
/// a tolerance of a few of their steps, which are fine; what saturates must saturate.
/// </summary>
public class QuantizedNetworkTests
{
    private const string X = OnnxBuilder.Image;
    private const int UInt8 = 2, Int8 = 3, UInt16 = 4, Int32 = 6;

    private static readonly ImportOptions Fine = new() { WeightBits = 12 };

    private readonly Random _random = new(43);

    public static TheoryData<string, Func<QuantizedNetworkTests, OnnxBuilder, string>> Networks => new()
    {
        { "of type uint8, zero point 0", (t, o) => t.Conv(o, t.Through(o, t.Conv(o, X, 4, 3), 0.004, UInt8, 0)) },
        { "of type uint8, another zero", (t, o) => t.Conv(o, t.Through(o, t.Conv(o, X, 4, 3), 0.004, UInt8, 100)) },
        { "of type int8, zero point 0", (t, o) => t.Conv(o, t.Through(o, t.Conv(o, X, 4, 3), 0.004, Int8, 0)) },
        { "of type int8, zero point least", (t, o) => t.Conv(o, t.Through(o, t.Conv(o, X, 4, 3), 0.004, Int8, 0x80)) },
        {
            "of type uint16",
            (t, o) =>
            {
                o.OperatorSet = 21;
                string scale = o.Floats([], 1e-5), zero = o.Raw(UInt16, [], 0, 0x80);
                string x = o.Node("QuantizeLinear", [t.Conv(o, X, 4, 3), scale, zero]);
                return t.Conv(o, o.Node("DequantizeLinear", [x, scale, zero]));
            }
        },
        {
            "by a type that the node names",
            (t, o) =>
            {
                o.OperatorSet = 21;
                string scale = o.Floats([], 0.005);
                string x = o.Node("QuantizeLinear", [t.Conv(o, X, 4, 3), scale], ("output_dtype", Int8));
                return t.Conv(o, o.Node("DequantizeLinear", [x, scale]));
            }
        },
        {
            "of a type by default",
            (t, o) =>
            {
                string scale = o.Floats([], 0.005);
                string x = o.Node("QuantizeLinear", [t.Conv(o, X, 4, 3), scale]);
                return t.Conv(o, o.Node("DequantizeLinear", [x, scale]));
            }
        },
        {
            "with a scale for each channel",
            (t, o) =>
            {
                o.OperatorSet = 13;
                string scale = o.Floats([4], 0.004, 0.002, 0.005, 0.003), zero = o.Raw(Int8, [4], 0, 10, 0x80, 5);
                string x = o.Node("QuantizeLinear", [t.Conv(o, X, 4, 3), scale, zero], ("axis", 1));
                return t.Conv(o, o.Node("DequantizeLinear", [x, scale, zero], ("axis", -3)));
            }
        },
        {
            "dequantized by other parameters",
            (t, o) =>
            {
                string x = o.Node(
                    "QuantizeLinear", [t.Conv(o, X, 4, 3), o.Floats([], 0.004), o.Raw(UInt8, [], 90)]);
                return t.Conv(o, o.Node("DequantizeLinear", [x, o.Floats([], 0.01), o.Raw(UInt8, [], 30)]));
            }
        },
        {
            "clipped, pooled and joined between the two",
            (t, o) =>
            {
                string scale = o.Floats([], 0.008), zero = o.Raw(Int8, [], 3);
                string x = o.Node("QuantizeLinear", [t.Conv(o, X, 4, 3), scale, zero]);
                x = o.Node("Clip", [x, o.Raw(Int8, [], 0xC8), o.Raw(Int8, [], 60)]);
                x = o.Node("MaxPool", x, ("kernel_shape", new[] { 2, 2 }));
                x = o.Node("Concat", [o.Node("Transpose", x, ("perm", new[] { 0, 2, 3, 1 })), o.Node(
                    "Transpose", x, ("perm", new[] { 0, 2, 3, 1 }))], ("axis", 3));
                x = o.Node("DequantizeLinear", [x, scale, zero]);
                return t.Conv(o, o.Node("Transpose", x, ("perm", new[] { 0, 3, 1, 2 })), 3, 8);
            }
        },
        {
            "with real weights that are quantized in the file",
            (t, o) =>
            {
                o.OperatorSet = 13;
                string scale = o.Floats([4], 0.004, 0.002, 0.005, 0.003), zero = o.Raw(Int8, [4], 0, 0, 0, 0);
                string w = o.Node("QuantizeLinear", [t.Reals(o, 4, 3, 3, 3), scale, zero], ("axis", 0));
                w = o.Node("DequantizeLinear", [w, scale, zero], ("axis", 0));
                return t.Conv(o, o.Node("Relu", o.Node("Conv", [X, w])));
            }
        },
        {
            "with scales for blocks of weights",
            (t, o) =>
            {
                o.OperatorSet = 21;
                string w = o.Raw(Int8, [4, 6], [.. Enumerable.Range(0, 24).Select(i => (byte)(i * 37))]);
                string scales = o.Floats([2, 6], [.. Enumerable.Range(1, 12).Select(i => i * 0.001)]);
                w = o.Node("DequantizeLinear", [w, scales], ("axis", 0), ("block_size", 2));
                return o.Node("MatMul", [o.Node("Flatten", o.Node("GlobalAveragePool", t.Conv(o, X, 4, 3))), w]);
            }
        },
        {
            "with weights of four bits",
            (t, o) =>
            {
                o.OperatorSet = 21;
                string w = o.Raw(22, [4, 3], 0x7F, 0x81, 0x2B, 0xE4, 0x93, 0x57);
                w = o.Node("DequantizeLinear", [w, o.Floats([], 0.1)]);
                return o.Node("MatMul", [o.Node("Flatten", o.Node("GlobalAveragePool", t.Conv(o, X, 4, 3))), w]);
            }
        },
        {
            "of quantized operators",
            (t, o) =>
            {
                string x = o.Node("QuantizeLinear", [X, o.Floats([], 1 / 255.0), o.Raw(UInt8, [], 0)]);
                string bias = o.Raw(Int32, [4], [.. new[] { 900, -2000, 5000, 0 }.SelectMany(BitConverter.GetBytes)]);
                x = o.Node(
                    "QLinearConv",
                    [
                        x, o.Floats([], 1 / 255.0), o.Raw(UInt8, [], 0), t.SmallBytes(o, 4, 3, 3, 3),
                        o.Floats([4], 0.004, 0.006, 0.002, 0.004), o.Raw(Int8, [4], 0, 0, 0, 0), o.Floats([], 0.006),
                        o.Raw(UInt8, [], 40), bias,
                    ],
                    ("pads", new[] { 1, 1, 1, 1 }));
                x = o.Node(
                    "QLinearMatMul",
                    [
                        o.Node("Flatten", x), o.Floats([], 0.006), o.Raw(UInt8, [], 40), t.Bytes(o, 120, 3),
                        o.Floats([], 0.004), o.Raw(UInt8, [], 128), o.Floats([], 0.03), o.Raw(UInt8, [], 120),
                    ]);
                return o.Node("DequantizeLinear", [x, o.Floats([], 0.03), o.Raw(UInt8, [], 120)]);
            }
        },
        {
            "of sums of integers",
            (t, o) =>
            {
                string x = o.Node("QuantizeLinear", [t.Conv(o, X, 4, 3), o.Floats([], 0.01), o.Raw(UInt8, [], 100)]);
                string w = t.Bytes(o, 2, 4, 3, 3);
                x = o.Node(
                    "ConvInteger", [x, w, o.Raw(UInt8, [], 100), o.Raw(UInt8, [], 120)],
                    ("pads", new[] { 1, 1, 1, 1 }));
                x = o.Node("Relu", o.Node("Mul", [o.Node("Cast", x, ("to", 1)), o.Floats([], 0.0001)]));
                string[] q = o.Nodes("DynamicQuantizeLinear", 3, [o.Node("Flatten", x)]);
                x = o.Node("MatMulInteger", [q[0], t.Bytes(o, 60, 3), q[2], o.Raw(UInt8, [], 128)]);
                return o.Node("Mul", [o.Node("Cast", x, ("to", 1)), o.Node("Mul", [q[1], o.Floats([], 0.02)])]);
            }
        },
    };

    [Theory]
    [MemberData(nameof(Networks), DisableDiscoveryEnumeration = true)]
    public void A_quantized_network(string what, Func<QuantizedNetworkTests, OnnxBuilder, string> build)
    {
        Assert.NotEmpty(what);
        var onnx = new OnnxBuilder(0, 3, 6, 5);
        string output = build(this, onnx);
        Comparison.AssertClose(onnx.Build(output), 0.03, Fine, _random, staircase: true);
    }

    [Theory]
    [InlineData(UInt8, 0)]
    [InlineData(UInt8, 128)]
    public void An_input_of_integers_is_dequantized(int type, int zero)
    {
        var onnx = new OnnxBuilder(0, 3, 6, 5) { InputType = type };
        string x = onnx.Node("DequantizeLinear", [X, onnx.Floats([], 1 / 128.0), onnx.Raw(type, [], (byte)zero)]);
        x = Conv(onnx, onnx.Node("Relu", x), 3, 3);
        Comparison.AssertClose(onnx.Build(x), 0.01, Fine with { InputScale = 1 }, _random);
        var reports = new List<string>();
        onnx.Import(x, new ImportOptions { Report = reports.Add });
        Assert.Contains("--input-scale", Assert.Single(reports));
    }

    /// <summary>A saturation that lies beyond what values can be costs nothing.</summary>
    [Fact]
    public void Ends_that_no_value_reaches_are_no_clips()
    {
        var onnx = new OnnxBuilder(0, 3, 6, 5);
        string x = Through(onnx, X, 1 / 255.0, UInt8, 0);
        x = Through(onnx, onnx.Node("Relu", Conv(onnx, x, 4, 3)), 1, UInt8, 0);
        IReadOnlyList<Layer> layers = onnx.Import(Through(onnx, Conv(onnx, x, 2, 4), 1, Int8, 0)).Layers;
        Assert.Equal(["conv", "relu", "conv"], layers.Select(l => l.KindName));
    }

    /// <summary>A rectifier before a saturation is its lower end.</summary>
    [Fact]
    public void A_rectifier_and_a_saturation_are_one_clip()
    {
        var onnx = new OnnxBuilder(0, 3, 6, 5);
        string x = Through(onnx, onnx.Node("Relu", Conv(onnx, X, 4, 3)), 0.002, UInt8, 3);
        IReadOnlyList<Layer> layers = onnx.Import(Conv(onnx, x, 2, 4)).Layers;
        Assert.Equal(["conv", "clip", "conv"], layers.Select(l => l.KindName));
    }

    public static TheoryData<string> SemanticFiles => SharedData.Root is null
        ? ["none"]
        : [.. Directory.GetFiles(SharedData.PathOf("models/semantics"), "*.onnx").Select(p => Path.GetFileName(p)!)];

    /// <summary>Files of which importers have been seen to drop something.</summary>
    [SharedTheory]
    [MemberData(nameof(SemanticFiles))]
    public void Nothing_of_a_file_is_dropped(string name)
    {
        byte[] file = File.ReadAllBytes(SharedData.PathOf($"models/semantics/{name}"));
        double scale = name.Contains("uint8_input", StringComparison.Ordinal) ? 1 : 1 / 255.0;
        // ONNX Runtime knows no operator set before 7.
        bool isOld = name.StartsWith("add6", StringComparison.Ordinal);
        byte[] oracle = isOld ? Modernized(file) : file;
        double cosine = Cosine(file, oracle, new ImportOptions { InputScale = scale });
        Assert.True(cosine >= 0.99, $"{name}: {cosine}");
    }

    private static byte[] Modernized(byte[] file)
    {
        ModelProto model = ModelProto.Parser.ParseFrom(file);
        model.OpsetImport[0].Version = 12;
        foreach (NodeProto node in model.Graph.Node.Where(n => n.OpType == "Add"))
        {
            node.Attribute.Clear();
            model.Graph.Initializer.First(t => t.Name == node.Input[1]).Dims.Add([1, 1]);
        }

        return model.ToByteArray();
    }

    /// <summary>Over all logits of 64 images, about the mean of each image's.</summary>
    private double Cosine(byte[] file, byte[] oracle, ImportOptions options)
    {
        IntegerNetwork network = OnnxImporter.Import(file, options);
        var evaluator = new PlainEvaluator(network);
        using var reference = new OnnxRuntimeReference(oracle);
        double product = 0, left = 0, right = 0;
        for (int run = 0; run < 64; run++)
        {
            int[] image = [.. Enumerable.Range(0, network.Input.Shape.Size).Select(_ => _random.Next(256))];
            double[] expected = Centred(reference.Run(Array.ConvertAll(image, v => v * options.InputScale)));
            double[] actual = Centred([.. evaluator.Run(image).Select(l => (double)l)]);
            product += expected.Zip(actual, (a, b) => a * b).Sum();
            left += expected.Sum(v => v * v);
            right += actual.Sum(v => v * v);
        }

        return product / Math.Sqrt(left * right);
    }

    private static double[] Centred(double[] values) => Array.ConvertAll(values, v => v - values.Average());

    /// <summary>Quantized and dequantized.</summary>
    private string Through(OnnxBuilder onnx, string x, double scale, int type, byte zero)
    {
        string s = onnx.Floats([], scale), z = onnx.Raw(type, [], zero);
        return onnx.Node("DequantizeLinear", [onnx.Node("QuantizeLinear", [x, s, z]), s, z]);
    }

    private string Conv(OnnxBuilder onnx, string x, int outputs = 3, int inputs = 4) => onnx.Node(
        "Conv", [x, Reals(onnx, outputs, inputs, 3, 3), Reals(onnx, outputs)], ("pads", new[] { 1, 1, 1, 1 }));

    private string Reals(OnnxBuilder onnx, params int[] dims) => onnx.Floats(
        dims, [.. Enumerable.Range(0, Count(dims)).Select(_ => _random.NextDouble() - 0.5)]);

    private string Bytes(OnnxBuilder onnx, params int[] dims)
    {
        byte[] bytes = new byte[Count(dims)];
        _random.NextBytes(bytes);
        return onnx.Raw(UInt8, dims, bytes);
    }

    /// <summary>In [−64, 63]: of two products of 8 bits with and 8 without sign, ONNX Runtime keeps no more than 16
    /// bits of the sum where a processor has no instructions for sums of four (its pull request 12088).</summary>
    private string SmallBytes(OnnxBuilder onnx, params int[] dims) =>
        onnx.Raw(Int8, dims, [.. Enumerable.Range(0, Count(dims)).Select(_ => (byte)_random.Next(-64, 64))]);

    private static int Count(int[] dims) => dims.Aggregate(1, (a, b) => a * b);
}
