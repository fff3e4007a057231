using Google.Protobuf;
using Popcorn.Engine.Import;
using Popcorn.Engine.Import.Onnx;

namespace Popcorn.Engine.Tests.Import;

/// <summary>The operators of real exports, each in a small network, against ONNX Runtime.</summary>
public class OperatorTests
{
    private const string X = OnnxBuilder.Image;

    private static readonly ImportOptions Fine = new() { WeightBits = 12, ActivationSteps = 255 };

    private static readonly int[] ToLast = [0, 2, 3, 1], ToFirst = [0, 3, 1, 2];

    private readonly Random _random = new(41);

    /// <summary>An image of 3×6×5, channels first.</summary>
    public static TheoryData<string, Func<OperatorTests, OnnxBuilder, string>> Images => new()
    {
        {
            "flattened with channels last",
            (t, o) => t.Dense(o, o.Node("Flatten", o.Node("Transpose", t.Conv(o, X, 4, 3), ("perm", ToLast))), 2, 120)
        },
        {
            "element-wise work on channels last",
            (t, o) =>
            {
                string x = o.Node("Transpose", t.Conv(o, X, 4, 3), ("perm", ToLast));
                x = o.Node("Relu", o.Node("Add", [o.Node("Mul", [x, t.Reals(o, 4)]), t.Reals(o, 4)]));
                x = o.Node("Pad", [x, o.Integers(0, 1, 1, 0, 0, 0, 1, 0)]);
                x = o.Node("Concat", [x, x], ("axis", -1));
                return t.Conv(o, o.Node("Transpose", x, ("perm", ToFirst)), 3, 8);
            }
        },
        {
            "a dense layer at each position",
            (t, o) =>
            {
                string x = o.Node("Transpose", t.Conv(o, X, 4, 3), ("perm", ToLast));
                x = o.Node("Relu", o.Node("Add", [o.Node("MatMul", [x, t.Reals(o, 4, 6)]), t.Reals(o, 6)]));
                return t.Dense(o, o.Node("Reshape", [x, o.Integers(0, -1)]), 3, 180);
            }
        },
        {
            "a mean over planes with channels last",
            (t, o) =>
            {
                string x = o.Node("Transpose", t.Conv(o, X, 4, 3), ("perm", ToLast));
                return t.Dense(o, o.Node("ReduceMean", x, ("axes", new[] { 1, 2 }), ("keepdims", 0)), 3, 4);
            }
        },
        {
            "planes transposed and reshaped",
            (t, o) =>
            {
                string x = o.Node("Reshape", [t.Conv(o, X, 4, 3), o.Integers(0, 2, 2, 6, 5)]);
                x = o.Node("Transpose", x, ("perm", new[] { 0, 2, 1, 3, 4 }));
                return t.Dense(o, o.Node("Flatten", x), 2, 120);
            }
        },
        {
            "sums with constants and of many",
            (t, o) =>
            {
                string c = o.Floats([2, 1, 1], 0.3, -0.2);
                string x = o.Node("Sum", [t.Conv(o, X, 2, 3), c, t.Conv(o, X, 2, 3), t.Conv(o, X, 2, 3)]);
                return t.Conv(o, o.Node("Relu", x), 2, 2);
            }
        },
        { "the greatest of branches", (t, o) => t.OfBranches(o, "Max") },
        { "the least of branches", (t, o) => t.OfBranches(o, "Min") },
        { "the mean of branches", (t, o) => t.OfBranches(o, "Mean") },
        {
            "the greatest of a branch and constants",
            (t, o) => t.Conv(o, o.Node("Max", [t.Conv(o, X, 2, 3), o.Floats([2, 1, 1], 0.3, -0.2)]), 2, 2)
        },
        {
            "the least of a branch and constants",
            (t, o) => t.Conv(o, o.Node("Min", [t.Conv(o, X, 2, 3), o.Floats([2, 1, 1], 0.1, -0.2)]), 2, 2)
        },
        {
            "slopes for each channel",
            (t, o) => t.Conv(o, o.Node("PRelu", [t.Conv(o, X, 3, 3), o.Floats([3, 1, 1], 0.1, -0.5, 1.5)]), 2, 3)
        },
        { "one slope", (t, o) => t.Conv(o, o.Node("PRelu", [t.Conv(o, X, 3, 3), o.Floats([1], 0.25)]), 2, 3) },
        { "magnitudes", (t, o) => t.Conv(o, o.Node("Abs", t.Conv(o, X, 3, 3)), 2, 3) },
        { "a power of one", (t, o) => t.Conv(o, o.Node("Pow", [t.Conv(o, X, 3, 3), o.Floats([], 1)]), 2, 3) },
        {
            "a sum over planes, one side after the other",
            (t, o) =>
            {
                string x = o.Node("ReduceSum", t.Conv(o, X, 4, 3), ("axes", new[] { 3 }), ("keepdims", 0));
                x = o.Node("ReduceSum", x, ("axes", new[] { -1 }), ("keepdims", 0));
                return t.Dense(o, x, 3, 4);
            }
        },
        {
            "a mean over flattened planes",
            (t, o) =>
            {
                string x = o.Node("Reshape", [t.Conv(o, X, 4, 3), o.Integers(0, 4, -1)]);
                return t.Dense(o, o.Node("ReduceMean", x, ("axes", new[] { 2 }), ("keepdims", 0)), 3, 4);
            }
        },
        {
            "the greatest and the least over planes",
            (t, o) =>
            {
                string x = t.Conv(o, X, 4, 3);
                string most = o.Node("ReduceMax", x, ("axes", new[] { -2, -1 }));
                string least = o.Node("ReduceMin", x, ("axes", new[] { 2, 3 }));
                return t.Conv(o, o.Node("Concat", [most, least], ("axis", 1)), 3, 8, kernel: 1);
            }
        },
        {
            "a mean over channels",
            (t, o) => t.Conv(o, o.Node("ReduceMean", t.Conv(o, X, 4, 3), ("axes", new[] { 1 })), 2, 1)
        },
        {
            "axes as an input",
            (t, o) =>
            {
                o.OperatorSet = 18;
                string x = o.Node("ReduceMean", [t.Conv(o, X, 4, 3), o.Integers(-1, 2)], ("keepdims", 0));
                return t.Dense(o, o.Node("ReduceMax", [x], ("noop_with_empty_axes", 1)), 3, 4);
            }
        },
        {
            "flattened planes joined",
            (t, o) =>
            {
                string left = o.Node("Flatten", t.Conv(o, X, 2, 3)), right = o.Node("Flatten", t.Conv(o, X, 3, 3));
                return t.Dense(o, o.Node("Concat", [left, right], ("axis", -1)), 3, 150);
            }
        },
        {
            "flattened planes of several sizes joined",
            (t, o) =>
            {
                string x = t.Conv(o, X, 2, 3);
                string pooled = o.Node("Squeeze", o.Node("GlobalMaxPool", x), ("axes", new[] { 2, 3 }));
                string last = o.Node("Flatten", o.Node("Transpose", x, ("perm", ToLast)));
                x = o.Node("Concat", [o.Node("Flatten", x), pooled, last], ("axis", 1));
                return t.Dense(o, x, 3, 122);
            }
        },
        {
            "slices of channels, rows and columns",
            (t, o) =>
            {
                string x = o.Node(
                    "Slice", [t.Conv(o, X, 4, 3), o.Integers(1, 1, -4), o.Integers(3, 1000, 5), o.Integers(1, 2, 3)]);
                x = o.Node("Slice", [x, o.Integers(0), o.Integers(long.MaxValue), o.Integers(2), o.Integers(2)]);
                return t.Conv(o, x, 3, 2);
            }
        },
        {
            "channels split and shuffled",
            (t, o) =>
            {
                string[] parts = o.Nodes("Split", 2, [t.Conv(o, X, 4, 3)], ("axis", 1));
                string x = o.Node("Concat", [t.Conv(o, parts[1], 2, 2), t.Conv(o, parts[0], 2, 2)], ("axis", 1));
                x = o.Node("Reshape", [x, o.Integers(0, 2, 2, 6, 5)]);
                x = o.Node("Transpose", x, ("perm", new[] { 0, 2, 1, 3, 4 }));
                return t.Dense(o, o.Node("Reshape", [x, o.Integers(0, -1)]), 3, 120);
            }
        },
        {
            "channels picked",
            (t, o) => t.Conv(o, o.Node("Gather", [t.Conv(o, X, 4, 3), o.Integers(3, 0)], ("axis", 1)), 3, 2)
        },
        {
            "a column picked",
            (t, o) =>
            {
                TensorProto two = new() { DataType = 7, Int64Data = { -2 } };
                string x = o.Node("Gather", [t.Conv(o, X, 4, 3), o.Initializer(two)], ("axis", 3));
                return t.Dense(o, o.Node("Flatten", x), 3, 24);
            }
        },
        {
            "channels of zeros added, as a shortcut has them",
            (t, o) => t.Conv(o, o.Node(
                "Add", [o.Node("Pad", [X, o.Integers(0, 1, 0, 0, 0, 2, 0, 0)]), t.Conv(o, X, 6, 3)]), 2, 6)
        },
        {
            "padding along axes",
            (t, o) =>
            {
                o.OperatorSet = 18;
                string x = o.Node("Pad", [X, o.Integers(1, 0, 2, 1), o.Floats([], 0.5), o.Integers(-1, 2)]);
                return t.Conv(o, x, 2, 3);
            }
        },
        {
            "a bias with the side of the batch, and none",
            (t, o) =>
            {
                string x = o.Node("Gemm", [o.Node("Flatten", X), t.Reals(o, 90, 4), t.Reals(o, 1, 4)]);
                return o.Node("Gemm", [x, t.Reals(o, 4, 3), t.Reals(o, 1)], ("alpha", 0.5), ("beta", 2.0));
            }
        },
        {
            "a batched matrix",
            (t, o) => o.Node("MatMul", [o.Node("Reshape", [X, o.Integers(0, 1, -1)]), t.Reals(o, 1, 90, 3)])
        },
        {
            "a matrix from the left",
            (t, o) =>
            {
                string x = o.Node("Reshape", [t.Conv(o, X, 4, 3), o.Integers(0, 4, -1)]);
                x = o.Node("MatMul", [t.Reals(o, 3, 4), x]);
                return t.Dense(o, o.Node("Flatten", x), 2, 90);
            }
        },
        {
            "division by constants",
            (t, o) => t.Conv(o, o.Node("Div", [t.Conv(o, X, 2, 3), o.Floats([2, 1, 1], 4, -0.5)]), 2, 2)
        },
        {
            "shapes by arithmetic",
            (t, o) =>
            {
                o.OperatorSet = 15;
                string x = t.Conv(o, X, 4, 3);
                string batch = o.Node("Shape", [x], ("start", 0), ("end", 1));
                string sides = o.Node("Slice", [o.Node("Shape", x), o.Integers(1), o.Integers(4), o.Integers(0)]);
                string features = o.Node("ReduceProd", [sides], ("keepdims", 1), ("axes", new[] { 0 }));
                features = o.Node("Div", [o.Node("Mul", [features, o.Integers(3)]), o.Integers(2)]);
                features = o.Node("Sub", [features, o.Node("Mod", [features, o.Integers(120)])]);
                string target = o.Node("Concat", [batch, o.Node("Max", [features, o.Integers(7)])], ("axis", 0));
                string ones = o.Node("ConstantOfShape", o.Node("Shape", target));
                target = o.Node(
                    "Where", [o.Node("Equal", [target, o.Node("Cast", ones, ("to", 7))]), target, target]);
                return t.Dense(o, o.Node("Reshape", [x, target]), 3, 120);
            }
        },
        {
            "a side of one squeezed where the batch is open",
            (t, o) => t.Dense(o, o.Node("Squeeze", o.Node("GlobalAveragePool", t.Conv(o, X, 4, 3))), 3, 4)
        },
        {
            "a comparison as numbers",
            (t, o) =>
            {
                string x = o.Node("Greater", [o.Node("Flatten", t.Conv(o, X, 4, 3)), o.Floats([], 0)]);
                x = o.Node("Reshape", [o.Node("Cast", x, ("to", 1)), o.Integers(0, 4, 6, 5)]);
                return t.Conv(o, x, 2, 4);
            }
        },
        {
            "whole numbers of a small range",
            (t, o) =>
            {
                string x = o.Node("Cast", o.Node("Mul", [X, o.Floats([], 6.3)]), ("to", 6));
                return t.Conv(o, o.Node("Cast", x, ("to", 1)), 2, 3);
            }
        },
        {
            "equality and decisions joined",
            (t, o) =>
            {
                string x = o.Node("Cast", o.Node("Mul", [X, o.Floats([], 3.5)]), ("to", 6));
                string is1 = o.Node("Equal", [x, o.Node("Cast", o.Floats([], 1), ("to", 6))]);
                string above = o.Node("Greater", [X, o.Floats([], 0.6)]);
                x = o.Node("Where", [o.Node("Or", [is1, above]), o.Floats([], 2), o.Floats([], -1)]);
                string both = o.Node("And", [o.Node("Not", is1), above]);
                string y = o.Node("Where", [both, o.Floats([], 1), o.Floats([], 0)]);
                return t.Conv(o, o.Node("Add", [x, y]), 2, 3);
            }
        },
        {
            "numbers as decisions",
            (t, o) =>
            {
                string x = o.Node("Cast", o.Node("Mul", [X, o.Floats([], 3.5)]), ("to", 6));
                x = o.Node("Where", [o.Node("Cast", x, ("to", 9)), o.Floats([], 3), o.Floats([], 1)]);
                return t.Conv(o, x, 2, 3);
            }
        },
        { "logits in another order than they are computed", (t, o) => o.Node(
            "Flatten", o.Node("Transpose", t.Conv(o, X, 2, 3), ("perm", ToLast))) },
        {
            "a dropout whose mask nobody reads",
            (t, o) => o.Nodes("Dropout", 2, [t.Conv(o, X, 2, 3), o.Floats([], 0.5)])[0]
        },
    };

    [Theory]
    [MemberData(nameof(Images), DisableDiscoveryEnumeration = true)]
    public void An_image_of_channels_first(string what, Func<OperatorTests, OnnxBuilder, string> build) =>
        AssertClose(what, build, 0, 3, 6, 5);

    /// <summary>An image of 6×5×3, channels last.</summary>
    public static TheoryData<string, Func<OperatorTests, OnnxBuilder, string>> ChannelsLast => new()
    {
        {
            "normalised before it is transposed",
            (t, o) =>
            {
                string x = o.Node("Mul", [o.Node("Sub", [X, o.Floats([3], 0.5, 0.4, 0.3)]), o.Floats([], 2)]);
                x = t.Conv(o, o.Node("Transpose", x, ("perm", ToFirst)), 4, 3);
                x = o.Node("GlobalAveragePool", o.Node("Relu", x));
                return t.Dense(o, o.Node("Flatten", o.Node("Transpose", x, ("perm", ToLast))), 3, 4);
            }
        },
        { "flattened as it comes", (t, o) => t.Dense(o, o.Node("Flatten", X), 3, 90) },
        {
            "transposed twice",
            (t, o) =>
            {
                string x = o.Node("Transpose", o.Node("Transpose", X, ("perm", ToFirst)), ("perm", ToLast));
                x = t.Conv(o, o.Node("Transpose", x, ("perm", ToFirst)), 4, 3);
                x = o.Node("Transpose", o.Node("Relu", x), ("perm", ToLast));
                return o.Node("MatMul", [o.Node("Reshape", [x, o.Integers(0, -1)]), t.Reals(o, 120, 3)]);
            }
        },
    };

    [Theory]
    [MemberData(nameof(ChannelsLast), DisableDiscoveryEnumeration = true)]
    public void An_image_of_channels_last(string what, Func<OperatorTests, OnnxBuilder, string> build) =>
        AssertClose(what, build, 0, 6, 5, 3);

    /// <summary>A row of 2×12.</summary>
    public static TheoryData<string, Func<OperatorTests, OnnxBuilder, string>> Rows => new()
    {
        {
            "one-dimensional convolutions and pools",
            (t, o) =>
            {
                string x = o.Node(
                    "Conv", [X, t.Reals(o, 4, 2, 3), t.Reals(o, 4)],
                    ("pads", new[] { 1, 1 }), ("strides", new[] { 1 }));
                x = o.Node("MaxPool", o.Node("Relu", x), ("kernel_shape", new[] { 2 }), ("strides", new[] { 2 }));
                string p = t.Reals(o, 4);
                x = o.Node("BatchNormalization", [x, p, p, p, o.Floats([4], 1, 2, 3, 4)]);
                x = o.Node("Conv", [x, t.Reals(o, 4, 1, 2)], ("group", 4), ("dilations", new[] { 2 }));
                x = o.Node("AveragePool", x, ("kernel_shape", new[] { 2 }));
                return t.Dense(o, o.Node("Flatten", x), 3, 12);
            }
        },
        {
            "written as planes of one row",
            (t, o) =>
            {
                string x = o.Node("Unsqueeze", X, ("axes", new[] { 2 }));
                x = o.Node("Conv", [x, t.Reals(o, 4, 2, 1, 3)]);
                x = o.Node("GlobalAveragePool", o.Node("Squeeze", x, ("axes", new[] { 2 })));
                return t.Dense(o, o.Node("Flatten", x), 3, 4);
            }
        },
    };

    [Theory]
    [MemberData(nameof(Rows), DisableDiscoveryEnumeration = true)]
    public void A_row(string what, Func<OperatorTests, OnnxBuilder, string> build) =>
        AssertClose(what, build, 0, 2, 12);

    /// <summary>A batch of one that is fixed, so that it may be squeezed.</summary>
    [Fact]
    public void A_batch_of_one_may_be_squeezed() => AssertClose(
        "squeezed whole", (t, o) =>
        {
            string x = o.Node("Squeeze", o.Node("GlobalAveragePool", t.Conv(o, X, 4, 3)));
            x = o.Node("MatMul", [o.Node("Add", [x, t.Reals(o, 4)]), t.Reals(o, 4, 3)]);
            return o.Node("Unsqueeze", x, ("axes", new[] { 0 }));
        },
        1, 3, 6, 5);

    public static TheoryData<string, Func<OperatorTests, OnnxBuilder, string, string>, double> Activations => new()
    {
        { "SiLU", (_, o, x) => o.Node("Mul", [x, o.Node("Sigmoid", x)]), 0.03 },
        { "SiLU by exponentials", (_, o, x) => o.Node(
            "Div", [x, o.Node("Add", [o.Node("Exp", o.Node("Neg", x)), o.Floats([], 1)])]), 0.03 },
        {
            "GELU by erf",
            (_, o, x) =>
            {
                string y = o.Node("Erf", o.Node("Div", [x, o.Floats([], Math.Sqrt(2))]));
                y = o.Node("Add", [y, o.Floats([], 1)]);
                return o.Node("Mul", [o.Node("Mul", [x, y]), o.Floats([], 0.5)]);
            }, 0.03
        },
        {
            "GELU by tanh",
            (_, o, x) =>
            {
                string y = o.Node("Mul", [o.Node("Pow", [x, o.Floats([], 3)]), o.Floats([], 0.044715)]);
                y = o.Node("Tanh", o.Node("Mul", [o.Node("Add", [x, y]), o.Floats([], Math.Sqrt(2 / Math.PI))]));
                return o.Node("Mul", [o.Node("Mul", [x, o.Floats([], 0.5)]), o.Node("Add", [y, o.Floats([], 1)])]);
            }, 0.03
        },
        { "HardSwish by clip", (_, o, x) => o.Node("Div", [o.Node("Mul", [x, o.Clip(o.Node(
            "Add", [x, o.Floats([], 3)]), 0, 6)]), o.Floats([], 6)]), 0.03 },
        { "Softplus", (_, o, x) => o.Node("Softplus", x), 0.03 },
        { "Elu", (_, o, x) => o.Node("Elu", x, ("alpha", 0.7)), 0.03 },
        { "Selu", (_, o, x) => o.Node("Selu", x), 0.03 },
        { "Celu", (_, o, x) => o.Node("Celu", x, ("alpha", 1.5)), 0.03 },
        { "Mish", (_, o, x) => o.Node("Mul", [x, o.Node("Tanh", o.Node("Softplus", x))]), 0.03 },
        { "ThresholdedRelu", (_, o, x) => o.Node("ThresholdedRelu", x, ("alpha", 0.5)), 0.03 },
        { "a selection", (_, o, x) => o.Node(
            "Where", [o.Node("Greater", [x, o.Floats([], 0)]), x, o.Node("Mul", [x, o.Floats([], 0.1)])]), 0.03 },
    };

    [Theory]
    [MemberData(nameof(Activations), DisableDiscoveryEnumeration = true)]
    public void An_activation(string what, Func<OperatorTests, OnnxBuilder, string, string> build, double tolerance)
    {
        Assert.NotEmpty(what);
        var onnx = new OnnxBuilder(0, 3, 6, 5) { OperatorSet = 14 };
        string x = Conv(onnx, build(this, onnx, Conv(onnx, X, 4, 3, scale: 4)), 3, 4);
        var reports = new List<string>();
        Comparison.AssertClose(onnx.Build(x), tolerance, Fine with { Report = reports.Add }, _random, staircase: true);
        Assert.Contains("became a rectifier and a staircase", Assert.Single(reports));
    }

    [Theory]
    [InlineData("Gelu", 20)]
    [InlineData("HardSwish", 14)]
    [InlineData("Mish", 18)]
    public void An_activation_of_its_own_operator(string op, int operatorSet)
    {
        var onnx = new OnnxBuilder(0, 3, 6, 5) { OperatorSet = operatorSet };
        string x = Conv(onnx, onnx.Node(op, Conv(onnx, X, 4, 3, scale: 4)), 3, 4);
        Comparison.AssertClose(onnx.Build(x), 0.03, Fine, _random, staircase: true);
    }

    /// <summary>ONNX Runtime knows no operator set before 7; the same network in a later one is the oracle.</summary>
    [Fact]
    public void Broadcasting_by_an_axis_as_before_operator_set_7()
    {
        byte[] Network(bool old)
        {
            // The same random weights for both.
            var draws = new OperatorTests();
            var onnx = new OnnxBuilder(0, 4, 4, 5) { OperatorSet = old ? 6 : 12 };
            string k = onnx.Floats(old ? [4] : [4, 1, 1], 1, -0.5, 0.25, 2);
            (string, object)[] axis = old ? [("broadcast", 1), ("axis", 1)] : [];
            string x = onnx.Node("Relu", onnx.Node("Add", [X, k], axis));
            x = onnx.Node("Mul", [x, k], axis);
            return onnx.Build(draws.Conv(onnx, x, 3, 4));
        }

        Comparison.AssertClose(Network(old: true), 0.01, Fine, _random, Network(old: false));
    }

    [Fact]
    public void Nodes_may_stand_in_any_order()
    {
        var onnx = new OnnxBuilder(0, 3, 6, 5);
        string x = Conv(onnx, onnx.Node("Relu", Conv(onnx, X, 4, 3)), 3, 4);
        byte[] sorted = onnx.Build(x);
        (onnx.Model.Graph.Node[0], onnx.Model.Graph.Node[^1]) = (onnx.Model.Graph.Node[^1], onnx.Model.Graph.Node[0]);
        Comparison.AssertClose(onnx.Build(x), 0.01, Fine, _random, sorted);
    }

    [Fact]
    public void One_of_several_outputs_is_chosen()
    {
        var onnx = new OnnxBuilder(0, 3, 6, 5);
        string left = Conv(onnx, X, 2, 3), right = onnx.Node("Einsum", X, ("equation", "nchw->nc"));
        ModelProto model = ModelProto.Parser.ParseFrom(onnx.Build(left));
        model.Graph.Output.Add(new ValueInfoProto { Name = right });
        byte[] file = model.ToByteArray();
        string message = Assert.Throws<PopcornException>(() => OnnxImporter.Import(file)).Message;
        Assert.Contains($"2 outputs ({left}, {right}); choose", message);
        message = Assert.Throws<PopcornException>(
            () => OnnxImporter.Import(file, new ImportOptions { Output = "other" })).Message;
        Assert.Contains($"no output 'other', but {left}, {right}", message);
        Comparison.AssertClose(file, 0.01, Fine with { Output = left }, _random, onnx.Build(left));
    }

    [Fact]
    public void Weights_may_lie_in_a_file_beside_the_network()
    {
        string folder = Directory.CreateTempSubdirectory("popcorn").FullName;
        try
        {
            double[] weights = Draw(6 * 4, 1);
            byte[] data = [.. weights.SelectMany(w => BitConverter.GetBytes((float)w))];
            Directory.CreateDirectory(Path.Combine(folder, "weights"));
            File.WriteAllBytes(Path.Combine(folder, "weights", "all.bin"), [1, 2, 3, 4, .. data]);
            byte[] inside = new OnnxBuilder(0, 6) is var whole
                ? whole.Build(whole.Node("MatMul", [X, whole.Floats([6, 4], weights)])) : [];
            byte[] External(string location, long offset = 4, long length = 96)
            {
                var onnx = new OnnxBuilder(0, 6);
                var tensor = new TensorProto { DataType = 1, DataLocation = TensorProto.Types.DataLocation.External };
                tensor.Dims.AddRange([6, 4]);
                tensor.ExternalData.Add(new StringStringEntryProto { Key = "location", Value = location });
                tensor.ExternalData.Add(new StringStringEntryProto { Key = "offset", Value = $"{offset}" });
                tensor.ExternalData.Add(new StringStringEntryProto { Key = "length", Value = $"{length}" });
                return onnx.Build(onnx.Node("MatMul", [X, onnx.Initializer(tensor)]));
            }

            string Refusal(byte[] file, string? from) => Assert.Throws<PopcornException>(
                () => OnnxImporter.Import(file, new ImportOptions { Folder = from })).Message;

            ImportOptions options = Fine with { Folder = folder };
            Comparison.AssertClose(External("weights/all.bin"), 0.01, options, _random, inside);
            Assert.Contains("another file", Refusal(External("weights/all.bin"), null));
            Assert.Contains("not within", Refusal(External("../all.bin"), Path.Combine(folder, "weights")));
            Assert.Contains("not within", Refusal(External(Path.Combine(folder, "weights/all.bin")), folder));
            Assert.Contains("cannot be read", Refusal(External("weights/none.bin"), folder));
            Assert.Contains("has 100 bytes", Refusal(External("weights/all.bin", 8), folder));
            Assert.Contains("shall hold 95", Refusal(External("weights/all.bin", 4, 95), folder));
            File.CreateSymbolicLink(Path.Combine(folder, "weights", "link.bin"), "/dev/zero");
            Assert.Contains("not within", Refusal(External("weights/link.bin"), folder));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private string OfBranches(OnnxBuilder onnx, string op)
    {
        string x = onnx.Node(op, [Conv(onnx, X, 2, 3), Conv(onnx, X, 2, 3), Conv(onnx, X, 2, 3)]);
        return Conv(onnx, x, 2, 2);
    }

    private void AssertClose(string what, Func<OperatorTests, OnnxBuilder, string> build, params int[] dims)
    {
        Assert.NotEmpty(what);
        var onnx = new OnnxBuilder(dims);
        string output = build(this, onnx);
        Comparison.AssertClose(onnx.Build(output), 0.01, Fine, _random);
    }

    private string Conv(OnnxBuilder onnx, string x, int outputs, int inputs, int kernel = 3, double scale = 1)
    {
        int p = kernel / 2;
        string w = onnx.Floats([outputs, inputs, kernel, kernel], Draw(outputs * inputs * kernel * kernel, scale));
        return onnx.Node(
            "Conv", [x, w, onnx.Floats([outputs], Draw(outputs, scale))], ("pads", new[] { p, p, p, p }));
    }

    private string Dense(OnnxBuilder onnx, string x, int outputs, int inputs) =>
        onnx.Node("Gemm", [x, Reals(onnx, outputs, inputs), Reals(onnx, outputs)], ("transB", 1));

    private string Reals(OnnxBuilder onnx, params int[] dims) =>
        onnx.Floats(dims, Draw(dims.Aggregate(1, (a, b) => a * b), 1));

    private double[] Draw(int count, double scale) =>
        [.. Enumerable.Range(0, count).Select(_ => scale * (_random.NextDouble() - 0.5))];
}
