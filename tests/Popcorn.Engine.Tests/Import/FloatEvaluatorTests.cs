using Popcorn.Engine.Import;
using Popcorn.Engine.Model;

namespace Popcorn.Engine.Tests.Import;

/// <summary>The floating-point reference against ONNX Runtime: as read, and simplified.</summary>
public sealed class FloatEvaluatorTests
{
    private const int Images = 4;

    private static readonly ImportOptions Options =
        new() { InputMeans = [0.4, 0.5, 0.6], InputDeviations = [0.2, 0.25, 0.3] };

    private readonly Random _random = new(20_031);

    [Fact]
    public void Convolutions()
    {
        var onnx = new OnnxBuilder(1, 3, 19, 17);
        string x = Conv(onnx, OnnxBuilder.Image, [21, 3, 3, 3], ("pads", new[] { 1, 1, 1, 1 }));
        x = onnx.Node("Relu", x);
        x = Conv(
            onnx, x, [9, 7, 3, 2], ("group", 3), ("dilations", new[] { 2, 3 }), ("pads", new[] { 0, 2, 1, 1 }),
            ("strides", new[] { 1, 2 }));
        x = onnx.Node("LeakyRelu", x, ("alpha", 0.2));
        x = Conv(onnx, x, [9, 1, 3, 3], ("group", 9), ("pads", new[] { 1, 1, 1, 1 }));
        AssertMatches(onnx, Conv(onnx, x, [300, 9, 1, 1]));
    }

    [Fact]
    public void DenseLayersOfPlanesAndVectors()
    {
        var onnx = new OnnxBuilder(1, 3, 5, 4);
        string x = onnx.Node("Flatten", OnnxBuilder.Image);
        x = onnx.Node("Gemm", [x, Random(onnx, 31, 60), Random(onnx, 31)], ("transB", 1));
        x = onnx.Node("Mul", [x, x]);
        AssertMatches(onnx, onnx.Node("MatMul", [x, Random(onnx, 31, 10)]));
    }

    [Fact]
    public void Pools()
    {
        var onnx = new OnnxBuilder(1, 3, 12, 11);
        string x = onnx.Node(
            "MaxPool", OnnxBuilder.Image, ("kernel_shape", new[] { 3, 2 }), ("strides", new[] { 2, 1 }),
            ("pads", new[] { 1, 0, 1, 1 }));
        x = onnx.Node(
            "AveragePool", x, ("kernel_shape", new[] { 3, 3 }), ("pads", new[] { 1, 1, 1, 1 }),
            ("count_include_pad", 1));
        x = onnx.Node("Relu", x);
        x = onnx.Node("MaxPool", x, ("kernel_shape", new[] { 2, 2 }));
        string mean = onnx.Node("GlobalAveragePool", x), most = onnx.Node("GlobalMaxPool", x);
        AssertMatches(onnx, onnx.Node("Concat", [mean, most], ("axis", 1)));
    }

    [Fact]
    public void PaddingThatBatchNormMoved()
    {
        // Zeros around what is normalised are the shift's negative before it.
        var onnx = new OnnxBuilder(1, 3, 8, 8);
        string x = onnx.Node("BatchNormalization", [
            OnnxBuilder.Image, Random(onnx, 3), Random(onnx, 3), Random(onnx, 3), onnx.Floats([3], 0.5, 1, 2)]);
        string first = Conv(onnx, x, [8, 3, 3, 3], ("pads", new[] { 1, 1, 1, 1 }));
        x = onnx.Node("Clip", [first, onnx.Floats([], -0.5), onnx.Floats([], 1.5)]);
        AssertMatches(onnx, onnx.Node("Add", [x, Conv(onnx, first, [8, 8, 1, 1])]));
    }

    [Theory]
    [InlineData("Tanh")]
    [InlineData("Sigmoid")]
    [InlineData("Softsign")]
    [InlineData("Atan")]
    [InlineData("Sign")]
    public void Activations(string activation)
    {
        var onnx = new OnnxBuilder(1, 3, 6, 6);
        string x = onnx.Node(activation, Conv(onnx, OnnxBuilder.Image, [7, 3, 3, 3]));
        // A sign behind an activation becomes a comparison before it.
        x = onnx.Node("Sign", onnx.Node(activation, Conv(onnx, x, [5, 7, 2, 2])));
        AssertMatches(onnx, Conv(onnx, x, [4, 5, 3, 3]));
    }

    [Fact]
    public void StatisticsAreThoseOfAllValues()
    {
        var onnx = new OnnxBuilder(1, 3, 6, 5);
        FloatNode output = Read(onnx, Conv(onnx, OnnxBuilder.Image, [4, 3, 3, 3]));
        int[][] images = NewImages(output, 40);
        ChannelStatistics statistics = ActivationStatistics.Of(output, images, Options)[output];

        var evaluator = new FloatEvaluator(output, Options);
        double[][] values = Array.ConvertAll(images, image => evaluator.Run(image));
        for (int channel = 0; channel < 4; channel++)
        {
            double[] all = [.. values.SelectMany(v => v.Skip(channel * 12).Take(12))];
            Assert.Equal(all.Average(), statistics.Means[channel], 1e-12);
            Assert.Equal(Math.Sqrt(all.Average(x => x * x)), statistics.RootMeanSquares[channel], 1e-12);
            Assert.Equal(all.Min(), statistics.Minima[channel]);
            Assert.Equal(all.Max(), statistics.Maxima[channel]);
            Assert.Equal(240, statistics.Values[channel].Length);
            Assert.Subset(all.Select(x => (float)x).ToHashSet(), statistics.Values[channel].ToHashSet());
        }
    }

    private void AssertMatches(OnnxBuilder onnx, string output)
    {
        using var reference = new OnnxRuntimeReference(onnx.Build(output));
        FloatNode read = Read(onnx, output), simple = Simplifier.Simplify(read);
        foreach (int[] image in NewImages(read, Images))
        {
            (double[] scales, double[] offsets) = Options.InputScales(3);
            int area = image.Length / 3;
            double[] expected = reference.Run([.. image.Select((x, i) => x * scales[i / area] + offsets[i / area])]);
            double size = expected.Max(Math.Abs);
            foreach (FloatNode graph in new[] { read, simple })
            {
                double[] actual = new FloatEvaluator(graph, Options).Run(image);
                Assert.Equal(expected.Length, actual.Length);
                Assert.All(actual, (x, i) => Assert.Equal(expected[i], x, 1e-5 * size));
            }
        }
    }

    private static FloatNode Read(OnnxBuilder onnx, string output)
    {
        onnx.Build(output);
        return GraphReader.Read(onnx.Model, Options);
    }

    private int[][] NewImages(FloatNode output, int count)
    {
        Shape shape = FloatGraph.InputOf(FloatGraph.InOrder(output));
        return [.. Enumerable.Range(0, count).Select(
            _ => Enumerable.Range(0, shape.Size).Select(_ => _random.Next(256)).ToArray())];
    }

    private string Conv(OnnxBuilder onnx, string x, int[] dims, params (string Name, object Value)[] attributes) =>
        onnx.Node("Conv", [x, Random(onnx, dims), Random(onnx, dims[0])], attributes);

    private string Random(OnnxBuilder onnx, params int[] dims) => onnx.Floats(
        dims, [.. Enumerable.Range(0, dims.Aggregate((a, b) => a * b)).Select(_ => _random.NextDouble() - 0.5)]);
}
