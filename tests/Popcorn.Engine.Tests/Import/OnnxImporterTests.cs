using System.Buffers.Binary;
using System.Numerics;
using Google.Protobuf;
using Popcorn.Engine.Evaluation;
using Popcorn.Engine.Import;
using Popcorn.Engine.Import.Onnx;
using Popcorn.Engine.Model;
using Popcorn.Engine.Products;

namespace Popcorn.Engine.Tests.Import;

/// <summary>Hand-built networks, imported, against their floating-point values.</summary>
public class OnnxImporterTests
{
    private readonly Random _random = new(17);

    /// <summary>
    /// Weights that are integers of at most eight bits, with ±127 in every output channel, and whole inputs: then
    /// nothing is rounded and the integer network must give the very same numbers.
    /// </summary>
    private static readonly ImportOptions Exact = new() { InputScale = 1, InputMinimum = -20, InputMaximum = 20 };

    private static readonly ImportOptions Fine = new() { WeightBits = 12, InputMinimum = -255 };

    public static TheoryData<string, int, int, (string, object)[]> Convolutions => new()
    {
        { "plain", 3, 1, [] },
        { "stride", 2, 1, [("strides", new[] { 2, 3 })] },
        { "padding", 3, 1, [("pads", new[] { 1, 1, 1, 1 })] },
        { "asymmetric padding", 3, 1, [("pads", new[] { 0, 2, 1, 0 }), ("strides", new[] { 2, 1 })] },
        { "dilation", 3, 1, [("dilations", new[] { 2, 3 }), ("pads", new[] { 2, 2, 2, 2 })] },
        { "groups", 4, 2, [("group", 2), ("pads", new[] { 1, 1, 1, 1 })] },
        { "depthwise", 4, 4, [("group", 4)] },
        { "same upper", 2, 1, [("auto_pad", "SAME_UPPER"), ("strides", new[] { 2, 2 })] },
        { "same lower", 2, 1, [("auto_pad", "SAME_LOWER"), ("strides", new[] { 2, 2 })] },
        { "valid", 2, 1, [("auto_pad", "VALID")] },
    };

    [Theory]
    [MemberData(nameof(Convolutions), DisableDiscoveryEnumeration = true)]
    public void Convolution_with(string what, int channels, int groups, (string, object)[] attributes)
    {
        Assert.NotEmpty(what);
        foreach ((int kernelY, int kernelX) in new[] { (3, 3), (1, 1), (2, 3) })
        {
            var onnx = new OnnxBuilder(0, channels, 8, 7);
            string y = onnx.Node(
                "Conv",
                [OnnxBuilder.Image, Weights(onnx, 4, channels / groups, kernelY, kernelX), Whole(onnx, 4)],
                attributes);
            AssertEqual(onnx, y);
        }
    }

    [Fact]
    public void A_convolution_without_bias_has_none()
    {
        var onnx = new OnnxBuilder(1, 2, 5, 5);
        AssertEqual(onnx, onnx.Node("Conv", [OnnxBuilder.Image, Weights(onnx, 3, 2, 3, 3)]));
    }

    [Fact]
    public void Fully_connected_layers_read_planes_as_they_lie()
    {
        var onnx = new OnnxBuilder(0, 2, 6, 5);
        string x = onnx.Node("Conv", [OnnxBuilder.Image, Weights(onnx, 3, 2, 3, 3), Whole(onnx, 3)]);
        x = onnx.Node("Flatten", onnx.Node("Relu", x));
        x = onnx.Node("Gemm", [x, Weights(onnx, 4, 3 * 4 * 3), Whole(onnx, 4)], ("transB", 1));
        IntegerNetwork network = AssertEqual(onnx, x);
        LinearLayer dense = Assert.IsType<LinearLayer>(network.Layers[^1]);
        Assert.Equal(Window.Whole(4, 3), dense.Window);
        Assert.Equal("dense", dense.KindName);
    }

    [Theory]
    [InlineData(false, 1.0, 1.0)]
    [InlineData(true, 1.0, 1.0)]
    [InlineData(true, 0.5, 2.0)]
    public void Gemm_in_all_its_forms(bool transposed, double alpha, double beta)
    {
        var onnx = new OnnxBuilder(0, 6);
        double[] weights = IntegerWeights(4, 6);
        string w = transposed
            ? onnx.Floats([4, 6], weights)
            : onnx.Floats([6, 4], [.. Enumerable.Range(0, 24).Select(i => weights[i % 4 * 6 + i / 4])]);
        string y = onnx.Node(
            "Gemm", [OnnxBuilder.Image, w, Whole(onnx, 4)],
            ("transB", transposed ? 1 : 0), ("alpha", alpha), ("beta", beta));
        AssertEqual(onnx, y);
    }

    [Fact]
    public void Gemm_takes_a_scalar_bias()
    {
        var onnx = new OnnxBuilder(0, 6);
        string w = Weights(onnx, 4, 6);
        AssertEqual(onnx, onnx.Node("Gemm", [OnnxBuilder.Image, w, onnx.Floats([1], 5)], ("transB", 1)));
    }

    [Fact]
    public void MatMul_and_Add_are_one_layer()
    {
        var onnx = new OnnxBuilder(0, 6);
        string w = onnx.Node("Transpose", Weights(onnx, 4, 6), ("perm", new[] { 1, 0 }));
        string x = onnx.Node("MatMul", [OnnxBuilder.Image, w]);
        Assert.Single(AssertEqual(onnx, onnx.Node("Add", [x, Whole(onnx, 4)])).Layers);
    }

    [Theory]
    [InlineData(0, 2, 2)]
    [InlineData(1, 2, 3)]
    [InlineData(1, 3, 2)]
    public void Max_pool_in_ceil_and_floor_mode(int ceiling, int kernel, int stride)
    {
        for (int size = 5; size < 9; size++)
        {
            foreach (int pad in new[] { 0, 1 })
            {
                var onnx = new OnnxBuilder(0, 2, size, size + 1);
                string x = onnx.Node(
                    "MaxPool", OnnxBuilder.Image, ("kernel_shape", new[] { kernel, kernel }),
                    ("strides", new[] { stride, stride }), ("ceil_mode", ceiling),
                    ("pads", new[] { pad, pad, 0, pad }));
                AssertEqual(onnx, x);
            }
        }
    }

    [Fact]
    public void Max_pool_and_relu_are_one_layer_in_either_order()
    {
        foreach (bool reluFirst in new[] { true, false })
        {
            var onnx = new OnnxBuilder(0, 2, 6, 6);
            string x = OnnxBuilder.Image;
            x = reluFirst ? onnx.Node("Relu", x) : x;
            x = onnx.Node("MaxPool", x, ("kernel_shape", new[] { 2, 2 }), ("strides", new[] { 2, 2 }));
            x = reluFirst ? x : onnx.Node("Relu", x);
            IntegerNetwork network = AssertEqual(onnx, onnx.Node("Relu", x));
            Assert.True(Assert.IsType<MaxPoolLayer>(Assert.Single(network.Layers)).WithZero);
        }
    }

    [Fact]
    public void A_relu_that_another_layer_reads_stays()
    {
        var onnx = new OnnxBuilder(0, 1, 4, 4);
        string relu = onnx.Node("Relu", OnnxBuilder.Image);
        string pool = onnx.Node("MaxPool", relu, ("kernel_shape", new[] { 2, 2 }));
        onnx.Node("Conv", [relu, Weights(onnx, 1, 1, 2, 2)]);
        AssertEqual(onnx, pool);
    }

    [Fact]
    public void Pools_of_one_element_disappear_or_subsample()
    {
        var onnx = new OnnxBuilder(0, 2, 5, 5);
        string x = onnx.Node("MaxPool", OnnxBuilder.Image, ("kernel_shape", new[] { 1, 1 }));
        x = onnx.Node("AveragePool", x, ("kernel_shape", new[] { 1, 1 }));
        x = onnx.Node("MaxPool", onnx.Node("Relu", x), ("kernel_shape", new[] { 1, 1 }), ("strides", new[] { 2, 2 }));
        IntegerNetwork network = AssertEqual(onnx, x);
        Assert.Equal(["relu", "conv"], network.Layers.Select(l => l.KindName));
    }

    [Fact]
    public void Average_pools_sum_and_scale()
    {
        var onnx = new OnnxBuilder(0, 3, 7, 7);
        string x = onnx.Node(
            "AveragePool", OnnxBuilder.Image, ("kernel_shape", new[] { 3, 2 }), ("strides", new[] { 2, 1 }),
            ("pads", new[] { 1, 0, 1, 1 }), ("count_include_pad", 1));
        IntegerNetwork network = AssertEqual(onnx, onnx.Node("GlobalAveragePool", x));
        Assert.All(network.Layers.Cast<LinearLayer>(), l => Assert.All(l.Weights, w => Assert.Equal(1, w)));
    }

    [Fact]
    public void Padding_joins_the_convolution_behind_it()
    {
        var onnx = new OnnxBuilder(0, 2, 4, 5);
        string none = onnx.Node("Pad", [OnnxBuilder.Image, onnx.Integers(0, 0, 0, 0, 0, 0, 0, 0)]);
        string x = onnx.Node("Pad", [none, onnx.Integers(0, 0, 2, 0, 0, 0, 1, 3), onnx.Floats([], 0)]);
        IntegerNetwork network = AssertEqual(onnx, onnx.Node("Conv", [x, Weights(onnx, 3, 2, 2, 3)]));
        Assert.Single(network.Layers);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(3)]
    public void Padding_that_no_convolution_takes_in_is_exact_and_free(double value)
    {
        var onnx = new OnnxBuilder(0, 2, 4, 5);
        string x = onnx.Node("Pad", [OnnxBuilder.Image, onnx.Integers(0, 0, 2, 0, 0, 0, 1, 3), onnx.Floats([], value)]);
        IntegerNetwork network = AssertEqual(onnx, onnx.Node("MaxPool", x, ("kernel_shape", new[] { 2, 2 })));
        Assert.Equal(new Shape(2, 7, 8), network.Layers[0].Output);
        using CompiledLinear compiled = LinearCompiler.Compile((LinearLayer)network.Layers[0], network.Input.Shape);
        Assert.Equal(0, compiled.Products);
    }

    [Fact]
    public void Global_max_pool_covers_the_plane()
    {
        var onnx = new OnnxBuilder(0, 3, 4, 5);
        AssertEqual(onnx, onnx.Node("GlobalMaxPool", OnnxBuilder.Image));
    }

    [Fact]
    public void Squares_are_written_in_two_ways()
    {
        var onnx = new OnnxBuilder(0, 5);
        string x = onnx.Node("Mul", [OnnxBuilder.Image, OnnxBuilder.Image]);
        AssertEqual(onnx, onnx.Node("Pow", [x, onnx.Floats([], 2)]));
    }

    [Fact]
    public void Shapes_at_the_borders_cost_no_layer()
    {
        var onnx = new OnnxBuilder(0, 24);
        string x = onnx.Node("Reshape", [OnnxBuilder.Image, onnx.Integers(0, 2, 3, -1)]);
        x = onnx.Node("Conv", [x, Weights(onnx, 5, 2, 3, 4), Whole(onnx, 5)]);
        x = onnx.Node("Identity", onnx.Node("Dropout", onnx.Node("Squeeze", x)));
        x = onnx.Node("Reshape", [x, onnx.Integers(-1, 5)]);
        Assert.Single(AssertEqual(onnx, x).Layers);
        Assert.Equal(new Shape(2, 3, 4), onnx.Import(x).Input.Shape);
    }

    /// <summary>What exporters make of <c>x.view(x.size(0), -1)</c>.</summary>
    [Fact]
    public void Flattening_by_arithmetic_on_shapes_is_understood()
    {
        var onnx = new OnnxBuilder(0, 2, 3, 3);
        var zero = new TensorProto { DataType = 7 };
        zero.Int64Data.Add(0);
        string batch = onnx.Node("Gather", [onnx.Node("Shape", OnnxBuilder.Image), onnx.Initializer(zero)]);
        batch = onnx.Node("Unsqueeze", batch, ("axes", new[] { 0 }));
        string shape = onnx.Node("Concat", [batch, onnx.Integers(-1)], ("axis", 0));
        string x = onnx.Node("Reshape", [OnnxBuilder.Image, shape]);
        Assert.Single(onnx.Import(onnx.Node("Gemm", [x, Weights(onnx, 4, 18)], ("transB", 1))).Layers);
    }

    [Fact]
    public void A_batch_that_is_fixed_is_understood()
    {
        var onnx = new OnnxBuilder(4, 1, 3, 3);
        string x = onnx.Node("Reshape", [OnnxBuilder.Image, onnx.Integers(4, 9)]);
        Assert.Equal(9, onnx.Import(onnx.Node("Gemm", [x, Weights(onnx, 2, 9)], ("transB", 1))).Input.Shape.Size);
    }

    [Fact]
    public void Unsqueezed_images_are_planes()
    {
        var onnx = new OnnxBuilder(0, 4, 4);
        string x = onnx.Node("Unsqueeze", OnnxBuilder.Image, ("axes", new[] { 1 }));
        AssertEqual(onnx, onnx.Node("Conv", [x, Weights(onnx, 2, 1, 3, 3)]));
    }

    [Theory]
    [InlineData("Softmax")]
    [InlineData("LogSoftmax")]
    public void A_final_softmax_is_dropped_and_reported(string op)
    {
        var onnx = new OnnxBuilder(0, 6);
        string scores = onnx.Node("Gemm", [OnnxBuilder.Image, Weights(onnx, 4, 6)], ("transB", 1));
        string x = onnx.Node(op, scores);
        var reports = new List<string>();
        Assert.Single(onnx.Import(x, new ImportOptions { Report = reports.Add }).Layers);
        Assert.Contains(op, Assert.Single(reports));
        AssertEqual(onnx, x, scores);
    }

    [Fact]
    public void Batch_norm_joins_the_layer_before_it()
    {
        var onnx = new OnnxBuilder(0, 2, 6, 6);
        string x = onnx.Node(
            "Conv", [OnnxBuilder.Image, Real(onnx, 3, 2, 3, 3), Real(onnx, 3)], ("pads", new[] { 1, 1, 1, 1 }));
        IntegerNetwork network = AssertClose(onnx, onnx.Node("Relu", BatchNorm(onnx, x, 3)), 0.01);
        Assert.Equal(["conv", "relu"], network.Layers.Select(l => l.KindName));
    }

    [Fact]
    public void Batch_norm_of_a_vector_joins_the_dense_layer_before_it()
    {
        var onnx = new OnnxBuilder(0, 9);
        string x = onnx.Node("Gemm", [OnnxBuilder.Image, Real(onnx, 4, 9), Real(onnx, 4)], ("transB", 1));
        Assert.Single(AssertClose(onnx, BatchNorm(onnx, x, 4), 0.01).Layers);
    }

    [Fact]
    public void Batch_norm_without_a_layer_before_joins_the_one_behind_where_nothing_is_padded()
    {
        var onnx = new OnnxBuilder(0, 2, 6, 6);
        string x = BatchNorm(onnx, onnx.Node("MaxPool", OnnxBuilder.Image, ("kernel_shape", new[] { 2, 2 })), 2);
        x = onnx.Node("Conv", [x, Real(onnx, 3, 2, 3, 3), Real(onnx, 3)]);
        Assert.Equal(["maxpool", "conv"], AssertClose(onnx, x, 0.01).Layers.Select(l => l.KindName));
    }

    [Fact]
    public void Batch_norm_before_padding_joins_the_layer_behind_it_with_a_padding_of_its_own()
    {
        var onnx = new OnnxBuilder(0, 2, 6, 6);
        string x = BatchNorm(onnx, onnx.Node("MaxPool", OnnxBuilder.Image, ("kernel_shape", new[] { 2, 2 })), 2);
        x = onnx.Node("Conv", [x, Real(onnx, 3, 2, 3, 3), Real(onnx, 3)], ("pads", new[] { 1, 1, 1, 1 }));
        IntegerNetwork network = AssertClose(onnx, x, 0.01);
        Assert.Equal(["maxpool", "conv"], network.Layers.Select(l => l.KindName));
        Assert.NotEmpty(Assert.IsType<LinearLayer>(network.Layers[1]).Padding);
    }

    /// <summary>Padding is 0 behind the normalisation, not before it: folded into the bias, borders go wrong.</summary>
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void A_normalised_input_is_exact_at_the_borders(int pad)
    {
        var onnx = new OnnxBuilder(0, 3, 6, 6);
        string x = onnx.Node("Sub", [OnnxBuilder.Image, onnx.Floats([1, 3, 1, 1], 0.48, 0.45, 0.41)]);
        x = onnx.Node("Div", [x, onnx.Floats([3, 1, 1], 0.22, 0.23, 0.21)]);
        x = onnx.Node("Conv", [x, Real(onnx, 4, 3, 3, 3), Real(onnx, 4)], ("pads", new[] { pad, pad, pad, pad }));
        Assert.Single(AssertClose(onnx, x, 0.01).Layers);
    }

    [Fact]
    public void A_scale_alone_costs_nothing_even_before_padding()
    {
        var onnx = new OnnxBuilder(0, 3, 6, 6);
        string x = onnx.Node("Mul", [onnx.Floats([3, 1, 1], 2, 0.1, 1), OnnxBuilder.Image]);
        x = onnx.Node("Relu", x);
        x = onnx.Node("Conv", [x, Real(onnx, 4, 3, 3, 3)], ("pads", new[] { 1, 1, 1, 1 }));
        Assert.Equal(["relu", "conv"], AssertClose(onnx, x, 0.01).Layers.Select(l => l.KindName));
    }

    [Theory]
    [InlineData("Add", false)]
    [InlineData("Add", true)]
    [InlineData("Sub", false)]
    [InlineData("Sub", true)]
    [InlineData("Mul", false)]
    [InlineData("Mul", true)]
    [InlineData("Div", false)]
    public void Constants_of_one_element_and_of_one_for_each_channel(string op, bool constantFirst)
    {
        foreach (int channels in new[] { 1, 3 })
        {
            var onnx = new OnnxBuilder(0, 3, 4, 4);
            string c = channels == 1 ? onnx.Floats([], -0.7) : onnx.Floats([1, 3, 1, 1], 0.5, -2, 1.25);
            string x = onnx.Node("Relu", OnnxBuilder.Image);
            x = onnx.Node(op, constantFirst ? [c, x] : [x, c]);
            Comparison.AssertClose(onnx.Build(onnx.Node("Relu", x)), 0.01, Fine, _random);
        }
    }

    [Fact]
    public void Constants_of_one_for_each_element_join_a_dense_layer()
    {
        var onnx = new OnnxBuilder(0, 2, 2, 3);
        string x = onnx.Node("Sub", [onnx.Node("Relu", OnnxBuilder.Image), Real(onnx, 2, 2, 3)]);
        x = BatchNorm(onnx, onnx.Node("Flatten", x), 12);
        x = onnx.Node("Gemm", [x, Real(onnx, 5, 12), Real(onnx, 5)], ("transB", 1));
        Assert.Equal(["relu", "dense"], AssertClose(onnx, x, 0.01).Layers.Select(l => l.KindName));
    }

    /// <summary>All logits must have one scale, also where pools and squares stand behind the last weights.</summary>
    [Fact]
    public void Logits_share_a_scale_through_the_layers_behind_the_last_weights()
    {
        var onnx = new OnnxBuilder(0, 3, 6, 6);
        double[] scales = [0.01, 1, 30];
        double[] weights = [.. Enumerable.Range(0, 3 * 27).Select(i => scales[i / 27] * (_random.NextDouble() - 0.5))];
        string x = onnx.Node("Conv", [OnnxBuilder.Image, onnx.Floats([3, 3, 3, 3], weights), Real(onnx, 3)]);
        x = onnx.Node("GlobalAveragePool", onnx.Node("Relu", x));
        AssertClose(onnx, onnx.Node("Flatten", x), 0.02);
    }

    [Fact]
    public void A_deep_network_of_everything_stays_close()
    {
        var onnx = new OnnxBuilder(0, 3, 12, 12);
        string x = onnx.Node("Sub", [OnnxBuilder.Image, onnx.Floats([], 0.5)]);
        x = onnx.Node("Conv", [x, Real(onnx, 8, 3, 3, 3), Real(onnx, 8)], ("pads", new[] { 1, 1, 1, 1 }));
        x = onnx.Node("Relu", BatchNorm(onnx, x, 8));
        x = onnx.Node("Conv", [x, Real(onnx, 8, 1, 3, 3)], ("group", 8), ("strides", new[] { 2, 2 }));
        x = onnx.Node("MaxPool", x, ("kernel_shape", new[] { 2, 2 }), ("ceil_mode", 1), ("strides", new[] { 2, 2 }));
        x = onnx.Node("Conv", [onnx.Node("Relu", x), Real(onnx, 6, 8, 1, 1), Real(onnx, 6)]);
        x = onnx.Node("AveragePool", onnx.Node("Mul", [x, x]), ("kernel_shape", new[] { 3, 3 }));
        x = onnx.Node("Gemm", [onnx.Node("Flatten", x), Real(onnx, 10, 6), Real(onnx, 10)], ("transB", 1));
        AssertClose(onnx, x, 0.02);
    }

    /// <summary>Every way in which a file can hold the same numbers.</summary>
    [Fact]
    public void Constants_are_read_in_all_their_forms()
    {
        double[] values = [127, -3, 0, 64, 5, -127];
        TensorProto Raw(int type, int size, Action<byte[], int, double> write)
        {
            var bytes = new byte[values.Length * size];
            for (int i = 0; i < values.Length; i++)
            {
                write(bytes, i * size, values[i]);
            }

            return new TensorProto { DataType = type, RawData = ByteString.CopyFrom(bytes) };
        }

        var doubles = new TensorProto { DataType = 11 };
        doubles.DoubleData.AddRange(values);
        var halves = new TensorProto { DataType = 10 };
        halves.Int32Data.AddRange(values.Select(v => (int)BitConverter.HalfToUInt16Bits((Half)v)));
        var ints = new TensorProto { DataType = 6 };
        ints.Int32Data.AddRange(values.Select(v => (int)v));
        var longs = new TensorProto { DataType = 7 };
        longs.Int64Data.AddRange(values.Select(v => (long)v));
        TensorProto[] forms =
        [
            OnnxBuilder.Tensor([], values), doubles, halves, ints, longs,
            Raw(1, 4, (b, i, v) => BinaryPrimitives.WriteSingleLittleEndian(b.AsSpan(i), (float)v)),
            Raw(11, 8, (b, i, v) => BinaryPrimitives.WriteDoubleLittleEndian(b.AsSpan(i), v)),
            Raw(10, 2, (b, i, v) => BinaryPrimitives.WriteHalfLittleEndian(b.AsSpan(i), (Half)v)),
            Raw(6, 4, (b, i, v) => BinaryPrimitives.WriteInt32LittleEndian(b.AsSpan(i), (int)v)),
            Raw(7, 8, (b, i, v) => BinaryPrimitives.WriteInt64LittleEndian(b.AsSpan(i), (long)v)),
            Raw(3, 1, (b, i, v) => b[i] = (byte)(sbyte)v),
        ];
        foreach (TensorProto form in forms)
        {
            form.Dims.Clear();
            form.Dims.AddRange([2, 3]);
            foreach (bool asNode in new[] { false, true })
            {
                var onnx = new OnnxBuilder(0, 3);
                string w = asNode ? onnx.Node("Constant", [], ("value", form)) : onnx.Initializer(form.Clone());
                string y = onnx.Node("Gemm", [OnnxBuilder.Image, w], ("transB", 1));
                LinearLayer dense = Assert.IsType<LinearLayer>(Assert.Single(onnx.Import(y, Exact).Layers));
                Assert.Equal(values, dense.Weights.Select(v => (double)v));
            }
        }
    }

    [Fact]
    public void Initializers_that_are_listed_as_inputs_are_no_inputs()
    {
        var onnx = new OnnxBuilder(0, 3);
        string w = Weights(onnx, 2, 3);
        onnx.Model.Graph.Input.Add(OnnxBuilder.Info(w, 2, 3));
        AssertEqual(onnx, onnx.Node("Gemm", [OnnxBuilder.Image, w], ("transB", 1)));
    }

    [Fact]
    public void Layers_that_share_weights_are_pruned_apart()
    {
        var onnx = new OnnxBuilder(0, 4);
        string w = Real(onnx, 4, 4);
        string x = onnx.Node("Relu", onnx.Node("MatMul", [OnnxBuilder.Image, w]));
        IntegerNetwork network = onnx.Import(onnx.Node("MatMul", [x, w]), new ImportOptions { Sparsity = 0.5 });
        Assert.InRange(network.Layers.OfType<LinearLayer>().Sum(l => l.NonZero), 1, 16);
    }

    [Theory]
    [InlineData(0.3)]
    [InlineData(0.8)]
    public void The_wanted_sparsity_is_reached(double sparsity)
    {
        var onnx = new OnnxBuilder(0, 1, 8, 8);
        string x = onnx.Node("Relu", onnx.Node("Conv", [OnnxBuilder.Image, Real(onnx, 8, 1, 3, 3)]));
        x = onnx.Node("AveragePool", x, ("kernel_shape", new[] { 2, 2 }));
        x = onnx.Node("Gemm", [onnx.Node("Flatten", x), Real(onnx, 10, 200)], ("transB", 1));
        IntegerNetwork network = onnx.Import(x, new ImportOptions { Sparsity = sparsity });
        LinearLayer[] layers = [.. network.Layers.OfType<LinearLayer>()];
        int weights = layers[0].Weights.Length + layers[2].Weights.Length;
        int nonZero = layers[0].NonZero + layers[2].NonZero;
        Assert.InRange(nonZero, 1, (int)((1 - sparsity) * weights));
        Assert.Equal(layers[1].Weights.Length, layers[1].NonZero);
    }

    [Fact]
    public void A_layer_is_pruned_by_its_name_before_all_are()
    {
        var onnx = new OnnxBuilder(0, 64);
        string x = onnx.Node("Relu", onnx.Node("Gemm", [OnnxBuilder.Image, Real(onnx, 64, 50)]));
        x = onnx.Node("Gemm", [x, Real(onnx, 50, 20)]);
        LinearLayer[] Layers(ImportOptions options) => [.. onnx.Import(x, options).Layers.OfType<LinearLayer>()];
        string name = Layers(new ImportOptions())[1].Name;
        var byLayer = new Dictionary<string, double> { [name] = 0.9 };
        LinearLayer[] layers = Layers(new ImportOptions { LayerSparsity = byLayer });
        Assert.Equal(100, layers[1].NonZero);
        Assert.InRange(layers[0].NonZero, layers[0].Weights.Length * 97 / 100, layers[0].Weights.Length);

        layers = Layers(new ImportOptions { LayerSparsity = byLayer, Sparsity = 0.5 });
        Assert.InRange(layers[1].NonZero, 50, 100);
        Assert.InRange(layers.Sum(l => l.NonZero), 1000, 2100);
        Assert.Contains(name, Assert.Throws<PopcornException>(() =>
            Layers(new ImportOptions { LayerSparsity = new Dictionary<string, double> { ["absent"] = 0.5 } })).Message);
    }

    private string BatchNorm(OnnxBuilder onnx, string x, int channels)
    {
        string Positive() =>
            onnx.Floats([channels], [.. Enumerable.Range(0, channels).Select(_ => _random.NextDouble() + 0.2)]);
        return onnx.Node("BatchNormalization", [x, Positive(), Real(onnx, channels), Real(onnx, channels), Positive()]);
    }

    private string Real(OnnxBuilder onnx, params int[] dims) => onnx.Floats(
        dims, [.. Enumerable.Range(0, dims.Aggregate(1, (a, b) => a * b)).Select(_ => _random.NextDouble() - 0.5)]);

    private string Weights(OnnxBuilder onnx, params int[] dims) =>
        onnx.Floats(dims, IntegerWeights(dims[0], dims[1..].Aggregate(1, (a, b) => a * b)));

    private double[] IntegerWeights(int outputs, int fan)
    {
        var weights = new double[outputs * fan];
        for (int i = 0; i < weights.Length; i++)
        {
            weights[i] = i % fan == 0 ? 127 : _random.Next(-127, 128);
        }

        return weights;
    }

    private string Whole(OnnxBuilder onnx, int count) =>
        onnx.Floats([count], [.. Enumerable.Range(0, count).Select(_ => (double)_random.Next(-500, 500))]);

    /// <summary>Imports without rounding and compares as exactly as the reference's single precision allows.</summary>
    /// <param name="onnx">The network.</param>
    /// <param name="output">Its output.</param>
    /// <param name="scores">What of the reference is compared, where it is not the output.</param>
    private IntegerNetwork AssertEqual(OnnxBuilder onnx, string output, string? scores = null)
    {
        IntegerNetwork network = onnx.Import(output, Exact);
        AssertClose(network, onnx.Build(scores ?? output), 1e-6, Exact);
        return network;
    }

    private IntegerNetwork AssertClose(OnnxBuilder onnx, string output, double tolerance)
    {
        IntegerNetwork network = onnx.Import(output, Fine);
        AssertClose(network, onnx.Build(output), tolerance, Fine);
        return network;
    }

    /// <summary>The greatest difference of a logit, relative to the greatest logit, over random images.</summary>
    private void AssertClose(IntegerNetwork network, byte[] onnx, double tolerance, ImportOptions options)
    {
        var evaluator = new PlainEvaluator(network);
        using var reference = new OnnxRuntimeReference(onnx);
        for (int run = 0; run < 5; run++)
        {
            int[] image = [.. Enumerable.Range(0, network.Input.Shape.Size)
                .Select(_ => _random.Next(options.InputMinimum, options.InputMaximum + 1))];
            double[] expected = reference.Run(Array.ConvertAll(image, x => x * options.InputScale));
            BigInteger[] logits = evaluator.Run(image);
            Assert.Equal(expected.Length, logits.Length);
            double greatest = expected.Max(Math.Abs);
            for (int i = 0; i < logits.Length; i++)
            {
                double actual = (double)logits[i] * network.LogitScale;
                Assert.InRange(actual, expected[i] - tolerance * greatest, expected[i] + tolerance * greatest);
            }
        }
    }
}
