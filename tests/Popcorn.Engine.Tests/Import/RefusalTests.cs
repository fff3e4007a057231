using Google.Protobuf;
using Popcorn.Engine.Import;
using Popcorn.Engine.Import.Onnx;

namespace Popcorn.Engine.Tests.Import;

/// <summary>What cannot be imported is refused by node, operator and reason.</summary>
public class RefusalTests
{
    private const string X = OnnxBuilder.Image;
    private const int Most = int.MaxValue;

    /// <summary>What the message must say, and the network that deserves it (an image of 2×4×4).</summary>
    public static TheoryData<string, Func<OnnxBuilder, string>> Networks => new()
    {
        { "'lstm0' (LSTM): the operator LSTM is not supported", o => o.Node("LSTM", X) },
        { "where nothing remains", o => o.Node("Clip", X, ("min", 1.0), ("max", 1.0)) },
        { "only constants", o => o.Node("Clip", [X, o.Node("Relu", X)]) },
        { "does not fit", o => o.Node("Max", [X, o.Floats([3], 1, 2, 3)]) },
        { "one side", o => o.Node("Greater", [X, o.Node("Relu", X)]) },
        { "within a channel", o => o.Node("Less", [X, o.Floats([4], 1, 2, 3, 4)]) },
        { "select numbers with Where", o => o.Node("Relu", o.Node("Less", [X, o.Floats([], 1)])) },
        { "does not select", o => o.Node("Where", [o.Node("Less", [X, o.Floats([], 1)]), o.Node("MaxPool", X,
            ("kernel_shape", new[] { 1, 1 })), X]) },
        { "no comparison's result", o => o.Node("Where", [X, o.Floats([], 1), o.Floats([], 2)]) },
        { "no comparison's result", o => o.Node("Not", X) },
        { "one shape", o => o.Node("Add", [X, o.Node("GlobalAveragePool", X)]) },
        { "images of a batch", o => o.Node("ReduceMean", X) },
        { "compares channels", o => o.Node("ReduceMax", X, ("axes", new[] { 1 })) },
        { "9 sides", o => o.Node("Reshape", [X, o.Integers(1, 2, 4, 4, 1, 1, 1, 1, 1)]) },
        { "custom.Relu", o => { string y = o.Node("Relu", X); o.Model.Graph.Node[0].Domain = "custom"; return y; } },
        { "multiplies or divides", o => o.Node("Mul", [o.Node("GlobalMaxPool", X), X]) },
        { "multiplies or divides", o => o.Node("Div", [o.Node("GlobalMaxPool", X), X]) },
        { "divides by a value", o => o.Node("Div", [o.Floats([2, 1, 1], 1, 2), X]) },
        { "'mul1' (Mul): what it computes", o => o.Node("Mul", [o.Node("Relu", X), X]) },
        { "'div1' (Div): what it computes", o => o.Node("Div", [o.Floats([], 1), X]) },
        { "no straight lines", o => o.Node("Pow", [X, o.Floats([], 3)]) },
        { "no straight lines", o => o.Node("Log", X) },
        {
            "multiplies or divides",
            o => Enumerable.Range(0, 40).Aggregate((X, o.Node("Softplus", X)), (pair, _) =>
                (pair.Item2, o.Node("Mul", [pair.Item1, pair.Item2]))).Item2
        },
        {
            "multiplies or divides",
            o => o.Node("Mul", [X, Enumerable.Range(0, 40).Aggregate(X, (x, _) => o.Node("Add", [x, x]))])
        },
        { "does not fit", o => o.Node("Add", [X, o.Floats([4, 2, 1, 1], new double[8])]) },
        { "does not fit", o => o.Node("Add", [X, o.Floats([3, 1, 1], new double[3])]) },
        { "each position", o => o.Node("Add", [X, o.Floats([4], 1, 2, 3, 4)]) },
        { "finite", o => o.Node("Div", [X, o.Floats([], 0)]) },
        { "finite", o => o.Node("Conv", [X, o.Floats([1, 2, 1, 1], double.NaN, 1)]) },
        { "two-dimensional", o => o.Node("Conv", [X, o.Floats([1, 2, 1], 1, 1)]) },
        { "channels it reads", o => o.Node("Conv", [X, o.Floats([1, 3, 1, 1], 1, 1, 1)]) },
        { "channels it reads", o => o.Node("Conv", [X, o.Floats([3, 1, 1, 1], 1, 1, 1)], ("group", 2)) },
        { "kernel_shape", o => o.Node("Conv", [X, o.Floats([1, 2, 1, 1], 1, 1)], ("kernel_shape", new[] { 3, 3 })) },
        { "auto_pad", o => o.Node("Conv", [X, o.Floats([1, 2, 1, 1], 1, 1)], ("auto_pad", "MAYBE")) },
        { "spans 9 positions", o => o.Node("Conv", [X, o.Floats([1, 2, 9, 1], new double[18])]) },
        { "stride 0", o => o.Node("Conv", [X, o.Floats([1, 2, 1, 1], 1, 1)], ("strides", new[] { 0, 1 })) },
        { "pads have 2", o => o.Node("Conv", [X, o.Floats([1, 2, 1, 1], 1, 1)], ("pads", new[] { 0, 1 })) },
        { "padding -1", o => o.Node("Conv", [X, o.Floats([1, 2, 1, 1], 1, 1)], ("pads", new[] { -1, 0, 0, 0 })) },
        { "biases", o => o.Node("Conv", [X, o.Floats([3, 2, 1, 1], new double[6]), o.Floats([2], 1, 1)]) },
        { "only constants", o => o.Node("Conv", [X, o.Node("Relu", X)]) },
        { "input 2 is missing", o => o.Node("Conv", [X]) },
        { "input 2 is missing", o => o.Node("Conv", [X, ""]) },
        { "flatten before it", o => o.Node("Gemm", [X, o.Floats([4, 2], new double[8])]) },
        { "transA", o => o.Node("Gemm", [o.Node("Flatten", X), o.Floats([32, 1], new double[32])], ("transA", 1)) },
        { "take 31 features", o => o.Node("MatMul", [o.Node("Flatten", X), o.Floats([31, 1], new double[31])]) },
        { "must stand there", o => o.Node("MatMul", [o.Floats([1, 1], 1), o.Node("Flatten", X)]) },
        { "needs N×C×H×W", o => o.Node("GlobalAveragePool", o.Node("Flatten", o.Node("Relu", X))) },
        { "cannot be reshaped", o => o.Node("Reshape", [X, o.Integers(1, 33)]) },
        { "not constant", o => o.Node("Reshape", [X, o.Node("Relu", X)]) },
        { "not valid", o => o.Node("Reshape", [X, o.Integers(-1, -1)]) },
        { "squeezes", o => o.Node("Squeeze", X, ("axes", new[] { 1 })) },
        { "entry 9", o => o.Node("Reshape", [X, o.Node("Gather", [o.Node("Shape", X), o.Integers(9)])]) },
        { "more than the axis", o => o.Node("Reshape", [X, o.Node(
            "Concat", [o.Floats([1, 1], 1), o.Floats([1], 1)], ("axis", 0))]) },
        { "along axis 2", o => o.Node("Concat", [X, X], ("axis", 2)) },
        { "joins constants", o => o.Node("Concat", [X, o.Floats([1, 1, 4, 4], new double[16])], ("axis", 1)) },
        { "more than the axis", o => o.Node("Concat", [X, o.Node("GlobalMaxPool", X)], ("axis", 1)) },
        { "axis or entry 7", o => o.Node("Flatten", X, ("axis", 7)) },
        {
            "transposed from",
            o =>
            {
                string x = o.Node("GlobalMaxPool", o.Node("MaxPool", X, ("kernel_shape", new[] { 2, 2 })));
                x = o.Node("Transpose", x, ("perm", new[] { 0, 2, 1, 3 }));
                return o.Node("MaxPool", x, ("kernel_shape", new[] { 1, 1 }));
            }
        },
        { "no permutation", o => o.Node("Transpose", X, ("perm", new[] { 0, 1, 1, 2 })) },
        {
            "pad with zeros",
            o => o.Node("Pad", [X, o.Integers(0, 0, 1, 1, 0, 0, 1, 1), o.Floats([], double.NegativeInfinity)])
        },
        { "'reflect'", o => o.Node("Pad", [X, o.Integers(0, 0, 1, 1, 0, 0, 1, 1)], ("mode", "reflect")) },
        { "use Slice", o => o.Node("Pad", [X, o.Integers(0, 0, -1, 0, 0, 0, 0, 0)]) },
        { "pads side 0", o => o.Node("Pad", [X, o.Integers(1, 0, 0, 0, 0, 0, 0, 0)]) },
        { "2 pads for 4 sides", o => o.Node("Pad", [X, o.Integers(1, 1)]) },
        { "larger than", o => o.Node("Pad", [X, o.Integers(0, 0, 1L << 40, 0, 0, 0, 0, 0)]) },
        { "whole", o => o.Node("AveragePool", X, ("kernel_shape", new[] { 2, 2 }), ("pads", new[] { 1, 1, 0, 0 })) },
        {
            "whole",
            o => o.Node(
                "AveragePool", X, ("kernel_shape", new[] { 3, 3 }), ("strides", new[] { 2, 2 }), ("ceil_mode", 1),
                ("count_include_pad", 1))
        },
        {
            "wholly in the padding",
            o => o.Node("MaxPool", X, ("kernel_shape", new[] { 1, 1 }), ("pads", new[] { 1, 0, 0, 0 }))
        },
        { "kernel_shape", o => o.Node("MaxPool", X, ("kernel_shape", new[] { 2 })) },
        { "kernel_shape", o => o.Node("MaxPool", X) },
        { "all classes", o => o.Node("Softmax", X, ("axis", 2)) },
        { "select_last_index", o => o.Node("ArgMax", o.Node("Flatten", X), ("axis", 1), ("select_last_index", 1)) },
        { "result of a Softmax", o => o.Node("Relu", o.Node("Softmax", o.Node("GlobalMaxPool", X))) },
        {
            "training mode",
            o =>
            {
                string p = o.Floats([2], 1, 1);
                return o.Node("BatchNormalization", [X, p, p, p, p], ("training_mode", 1));
            }
        },
        {
            "parameters",
            o =>
            {
                string p = o.Floats([3], 1, 1, 1);
                return o.Node("BatchNormalization", [X, p, p, p, p]);
            }
        },
        {
            "parameters",
            o =>
            {
                string p = o.Floats([0]);
                return o.Node("BatchNormalization", [o.Node("Reshape", [X, o.Integers(32)]), p, p, p, p]);
            }
        },
        { "'relu0' (Relu): it depends on its own result", o => o.Node("Relu", "relu0_out") },
        { "in training mode", o =>
        {
            string yes = o.Raw(9, [], 1);
            return o.Node("Dropout", [X, o.Floats([], 0.5), yes]);
        } },
        { "spatial is 0", o =>
        {
            o.OperatorSet = 7;
            string p = o.Floats([2], 1, 1);
            return o.Node("BatchNormalization", [X, p, p, p, p], ("spatial", 0));
        } },
        { "int32", o => o.Node("Cast", o.Node("Mul", [X, o.Floats([], 1000)]), ("to", 6)) },
        { "uint8", o => o.Node("Cast", o.Node("Neg", o.Node("Mul", [X, o.Floats([], 3)])), ("to", 2)) },
        { "float8e4m3fn", o => o.Node("Add", [X, o.Raw(17, [1], 0)]) },
        { "cannot be repeated", o => o.Node("Expand", [X, o.Integers(1, 3, 2, 4, 4)]) },
        { "5x4x4x4", o => o.Node("Tile", [X, o.Integers(5, 2, 1, 1)]) },
        { "selects nothing", o => o.Node("Slice", [X, o.Integers(1), o.Integers(1), o.Integers(1)]) },
        { "at equal distances", o => o.Node("Gather", [X, o.Integers(0, 1, 3)], ("axis", 2)) },
        { "only one- and two-dimensional", o => o.Node(
            "MaxPool", o.Node("Reshape", [X, o.Integers(1, 1, 2, 4, 4)]), ("kernel_shape", new[] { 1, 1, 1 })) },
        { "scales belong to blocks", o => o.Node("DequantizeLinear", [X, o.Floats([], 1)], ("block_size", 2)) },
        { "not computed by any node", o => o.Node("Relu", "nowhere") },
        { "not computed by any node", o => { o.Node("Relu", X); return "nowhere"; } },
        { "does not depend", o => o.Node("Identity", o.Floats([1], 1)) },
        { "computes nothing", o => o.Node("Identity", X) },
        { "by-product", o => { o.Node("Dropout", X); o.Model.Graph.Node[0].Output.Add("mask"); return "mask"; } },
        { "outgrow", o => Enumerable.Range(0, 8).Aggregate(X, (x, _) => o.Node("Mul", [x, x])) },
        {
            "another file",
            o =>
            {
                TensorProto tensor = OnnxBuilder.Tensor([1], 1);
                tensor.DataLocation = TensorProto.Types.DataLocation.External;
                return o.Node("Add", [X, o.Initializer(tensor)]);
            }
        },
        { "it holds 1", o => o.Node("Add", [X, o.Initializer(OnnxBuilder.Tensor([2], 1))]) },
        { "too large", o => o.Node("Add", [X, o.Initializer(OnnxBuilder.Tensor([1 << 30, 1 << 30], 1))]) },
        { "too large", o => o.Node("Add", [X, o.Initializer(OnnxBuilder.Tensor([Most, Most, Most], 1))]) },
        {
            "too large",
            o => o.Node("Add", [X, o.Node("Transpose", o.Initializer(OnnxBuilder.Tensor([0, Most, Most])))])
        },
        { "more than can be evaluated", o => Signs(o, LargestPool(o, X)) },
        { "more than can be evaluated", o => LargestPool(o, Signs(o, X)) },
        { "is -4", o => o.Node("Add", [X, o.Initializer(OnnxBuilder.Tensor([-4], 1))]) },
        {
            "type string",
            o => o.Node("Add", [X, o.Initializer(new TensorProto { DataType = 8 })])
        },
        { "neither numbers", o => o.Node("Add", [X, o.Node("Constant", [])]) },
    };

    [Theory]
    [MemberData(nameof(Networks), DisableDiscoveryEnumeration = true)]
    public void A_node_is_refused_with_its_reason(string reason, Func<OnnxBuilder, string> build)
    {
        var onnx = new OnnxBuilder(0, 2, 4, 4);
        string output = build(onnx);
        string message = Assert.Throws<PopcornException>(() => onnx.Import(output)).Message;
        Assert.Contains(reason, message);
        Assert.StartsWith("This network cannot be imported", message);
    }

    [Fact]
    public void All_findings_are_told_at_once_and_their_consequences_are_not()
    {
        var onnx = new OnnxBuilder(0, 2, 4, 4);
        string x = onnx.Node("LSTM", X);
        x = onnx.Node("Relu", x);
        x = onnx.Node("Einsum", x);
        x = onnx.Node("Add", [x, onnx.Node("Pow", [X, onnx.Floats([2], 3, 3)])]);
        string message = Assert.Throws<PopcornException>(() => onnx.Import(x)).Message;
        Assert.Contains("3 findings", message);
        Assert.Contains("(LSTM)", message);
        Assert.Contains("(Einsum)", message);
        Assert.Contains("(Pow)", message);
        Assert.DoesNotContain("(Relu)", message);
        Assert.Single(System.Text.RegularExpressions.Regex.Matches(message, "Rewrite the network"));
    }

    [Fact]
    public void Names_from_the_file_cannot_break_lines()
    {
        var onnx = new OnnxBuilder(0, 2);
        string output = onnx.Node("LSTM", X);
        onnx.Model.Graph.Node[0].Name = "evil\n\u001b[31mname";
        string message = Assert.Throws<PopcornException>(() => onnx.Import(output)).Message;
        Assert.DoesNotContain(message, char.IsControl);
        onnx.Model.Graph.Node[0].OpType = "Relu";
        var signed = new ImportOptions { InputMinimum = -255 };
        Assert.DoesNotContain(onnx.Import(output, signed).Layers[0].Name, char.IsControl);
    }

    [Theory]
    [InlineData("missing")]
    [InlineData("missing", 0)]
    [InlineData("missing", 1, 2, 3, 4, 5)]
    [InlineData("open", 0, 3, 0, 0)]
    [InlineData("too large", 0, 1 << 12, 1 << 12, 1 << 12)]
    [InlineData("too large", 0, 3, int.MaxValue, 1)]
    public void An_input_without_a_usable_shape_is_refused(string reason, params int[] dims)
    {
        var onnx = new OnnxBuilder(dims);
        string output = onnx.Node("Relu", X);
        Assert.Contains(reason, Assert.Throws<PopcornException>(() => onnx.Import(output)).Message);
    }

    [Fact]
    public void A_staircase_of_too_many_steps_is_refused()
    {
        var onnx = new OnnxBuilder(0, 1 << 21);
        string output = onnx.Node("Relu", onnx.Node("Tanh", X));
        string message = Assert.Throws<PopcornException>(() => onnx.Import(output)).Message;
        Assert.Contains("'tanh0' needs", message);
    }

    [Fact]
    public void Several_inputs_or_outputs_are_refused()
    {
        var onnx = new OnnxBuilder(0, 2);
        onnx.Model.Graph.Input.Add(OnnxBuilder.Info("second", 0, 2));
        string output = onnx.Node("Add", [X, "second"]);
        Assert.Contains("2 inputs", Assert.Throws<PopcornException>(() => onnx.Import(output)).Message);

        onnx = new OnnxBuilder(0, 2);
        byte[] file = onnx.Build(onnx.Node("Relu", X));
        ModelProto model = ModelProto.Parser.ParseFrom(file);
        model.Graph.Output.Add(new ValueInfoProto { Name = X });
        Assert.Contains(
            "2 outputs", Assert.Throws<PopcornException>(() => OnnxImporter.Import(model.ToByteArray())).Message);
    }

    [Fact]
    public void An_input_in_two_shapes_is_refused()
    {
        var onnx = new OnnxBuilder(0, 4);
        string plane = onnx.Node("Reshape", [X, onnx.Integers(-1, 1, 2, 2)]);
        // Without a join nothing can need both; the plane alone is what the network reads.
        onnx.Node("Gemm", [X, onnx.Floats([4, 1], 1, 1, 1, 1)]);
        Assert.Equal(2, onnx.Import(onnx.Node("GlobalMaxPool", plane)).Input.Shape.Height);
    }

    [Theory]
    [InlineData(0, 0, 1, 0, 255)]
    [InlineData(13, 0, 1, 0, 255)]
    [InlineData(8, 1, 1, 0, 255)]
    [InlineData(8, -0.1, 1, 0, 255)]
    [InlineData(8, double.NaN, 1, 0, 255)]
    [InlineData(8, 0, 0, 0, 255)]
    [InlineData(8, 0, -1, 0, 255)]
    [InlineData(8, 0, double.NaN, 0, 255)]
    [InlineData(8, 0, 1, 5, 5)]
    public void Options_out_of_range_are_refused(int bits, double sparsity, double scale, int minimum, int maximum)
    {
        var onnx = new OnnxBuilder(0, 2);
        string output = onnx.Node("Relu", X);
        var options = new ImportOptions
        {
            WeightBits = bits,
            Sparsity = sparsity,
            InputScale = scale,
            InputMinimum = minimum,
            InputMaximum = maximum,
        };
        Assert.Throws<PopcornException>(() => onnx.Import(output, options));
    }

    [Fact]
    public void Further_options_out_of_range_are_refused()
    {
        var onnx = new OnnxBuilder(0, 2);
        string output = onnx.Node("Relu", X);
        foreach (ImportOptions options in (ImportOptions[])
            [
                new() { ActivationSteps = 0 }, new() { ActivationSteps = 256 }, new() { RescaleBits = 7 },
                new() { RescaleBits = 65 }, new() { InputMeans = [double.NaN] }, new() { InputMeans = [1, 2, 3] },
                new() { InputDeviations = [0] }, new() { InputDeviations = [1, 1, 1] },
            ])
        {
            Assert.DoesNotContain('\n', Assert.Throws<PopcornException>(() => onnx.Import(output, options)).Message);
        }
    }

    [Fact]
    public void Files_that_are_no_networks_are_refused()
    {
        foreach (byte[] file in new[] { [], "not a network at all"u8.ToArray(), new byte[1000] })
        {
            Assert.Contains(
                "not an ONNX file", Assert.Throws<PopcornException>(() => OnnxImporter.Import(file)).Message);
        }
    }

    /// <summary>Cut and changed files: an error of ours, or a network; never anything else.</summary>
    [Fact]
    public void Damaged_files_never_crash_the_importer()
    {
        var onnx = new OnnxBuilder(0, 2, 6, 6);
        string x = onnx.Node("Conv", [X, onnx.Floats([2, 2, 3, 3], Enumerable.Repeat(0.5, 36).ToArray())]);
        string p = onnx.Floats([2], 1, 2);
        x = onnx.Node("Relu", onnx.Node("BatchNormalization", [x, p, p, p, p]));
        x = onnx.Node("MaxPool", x, ("kernel_shape", new[] { 2, 2 }), ("strides", new[] { 2, 2 }), ("ceil_mode", 1));
        x = onnx.Node("Reshape", [x, onnx.Integers(0, -1)]);
        x = onnx.Node("Gemm", [x, onnx.Floats([3, 8], Enumerable.Repeat(0.1, 24).ToArray())], ("transB", 1));
        byte[] file = onnx.Build(x);
        OnnxImporter.Import(file);
        for (int length = 0; length < file.Length; length++)
        {
            ImportQuietly(file[..length]);
        }

        var random = new Random(5);
        for (int run = 0; run < 1500; run++)
        {
            byte[] damaged = [.. file];
            for (int changes = random.Next(1, 4); changes > 0; changes--)
            {
                damaged[random.Next(damaged.Length)] = (byte)random.Next(256);
            }

            ImportQuietly(damaged);
        }

        static void ImportQuietly(byte[] damaged)
        {
            try
            {
                OnnxImporter.Import(damaged);
            }
            catch (PopcornException)
            {
                // As it should be.
            }
        }
    }

    private static string Signs(OnnxBuilder onnx, string x) => onnx.Node(
        "Where", [onnx.Node("Less", [x, onnx.Floats([], 0)]), onnx.Floats([], -1), onnx.Floats([], 1)]);

    /// <summary>A max-pool of the largest window there is, nearly all of it padding.</summary>
    private static string LargestPool(OnnxBuilder onnx, string x) => onnx.Node(
        "MaxPool", x, ("kernel_shape", new[] { 1 << 14, 1 << 14 }), ("pads", Enumerable.Repeat(8191, 4).ToArray()));
}
