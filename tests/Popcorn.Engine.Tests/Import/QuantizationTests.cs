using System.Numerics;
using Popcorn.Engine.Evaluation;
using Popcorn.Engine.Import;
using Popcorn.Engine.Model;
using Popcorn.Engine.Tests.Model;

namespace Popcorn.Engine.Tests.Import;

public class QuantizationTests
{
    /// <summary>Of one layer: every weight and the bias are off by at most half a step.</summary>
    [Fact]
    public void A_layer_is_off_by_at_most_half_a_step_for_each_product()
    {
        Seeds.Check(seed =>
        {
            var random = new Random(seed);
            int fan = random.Next(1, 30);
            double magnitude = Math.Pow(10, random.Next(-6, 6));
            float[] Real(int count) =>
                [.. Enumerable.Range(0, count).Select(_ => (float)(magnitude * (random.NextDouble() - 0.5)))];
            float[] weights = Real(3 * fan);
            float[] bias = Real(3);
            var options = new ImportOptions { WeightBits = random.Next(2, 13), InputScale = 1 / 16.0 };
            var onnx = new OnnxBuilder(0, fan);
            IntegerNetwork network = onnx.Import(
                onnx.Node(
                    "Gemm",
                    [OnnxBuilder.Image, Constant(onnx, [3, fan], weights), Constant(onnx, [3], bias)], ("transB", 1)),
                options);
            LinearLayer layer = Assert.IsType<LinearLayer>(Assert.Single(network.Layers));
            int largest = (1 << (options.WeightBits - 1)) - 1;
            // More than the wanted bits where some rows need a smaller step than the largest weight allows.
            Assert.InRange(layer.Weights.Max(Math.Abs), largest, 4 * largest + 1);
            double half = network.LogitScale / 2 * 1.000001;
            for (int i = 0; i < weights.Length; i++)
            {
                Assert.InRange(layer.Weights[i] * network.LogitScale - weights[i] / 16.0, -half, half);
            }

            for (int i = 0; i < bias.Length; i++)
            {
                Assert.InRange((double)layer.Bias[i] * network.LogitScale - bias[i], -half, half);
            }
        });
    }

    [Theory]
    [InlineData(2)]
    [InlineData(4)]
    [InlineData(8)]
    [InlineData(12)]
    public void Weights_have_the_wanted_bits(int bits)
    {
        IntegerNetwork network = TwoLayers(bits, [1, 1, 1, 1], [0.1, 0.2, -0.3, 0]);
        int largest = (1 << (bits - 1)) - 1;
        Assert.All(network.Layers.OfType<LinearLayer>(), l => Assert.Equal(largest, l.Weights.Max(Math.Abs)));
    }

    /// <summary>Channels of very different size must all keep their share of the next layer's precision.</summary>
    [Fact]
    public void Small_channels_are_as_precise_as_large_ones() =>
        AssertPrecise([1e-4, 1, 1e3, 0.02], [0, 0, 0, 0]);

    /// <summary>Channels whose bias dwarfs their weights: integers stay in proportion, nothing else is lost.</summary>
    [Fact]
    public void A_channel_that_is_nearly_constant_keeps_its_bias() =>
        AssertPrecise([1e-7, 1, 1, 1], [0.8, 0.1, -0.2, 0.3]);

    [Fact]
    public void A_channel_without_weights_keeps_its_bias() =>
        AssertPrecise([0, 1, 1, 1], [0.8, 0.1, -0.2, 0.3]);

    [Fact]
    public void A_layer_without_weights_keeps_its_biases() =>
        AssertPrecise([0, 0, 0, 0], [0.8, 0.1, 0.25, 0.3]);

    [Fact]
    public void A_network_of_zeros_can_be_imported()
    {
        IntegerNetwork network = TwoLayers(8, [0, 0, 0, 0], [0, 0, 0, 0]);
        Assert.All(new PlainEvaluator(network).Run(new int[6]), logit => Assert.NotEqual(0, network.LogitScale));
    }

    /// <summary>What is always 0 behind a ReLU costs the next layer nothing.</summary>
    [Fact]
    public void Weights_on_dead_channels_are_dropped()
    {
        IntegerNetwork network = TwoLayers(8, [0, 1, 1, 1], [-0.8, 0.1, 0.1, 0.1]);
        LinearLayer last = Assert.IsType<LinearLayer>(network.Layers[^1]);
        Assert.Equal(3 * 3, last.NonZero);
    }

    [Fact]
    public void Zeros_stay_zeros()
    {
        var onnx = new OnnxBuilder(0, 4);
        IntegerNetwork network = onnx.Import(
            onnx.Node("Gemm", [OnnxBuilder.Image, onnx.Floats([1, 4], 0, 0.5, 0, -0.1)], ("transB", 1)));
        Assert.Equal(2, Assert.IsType<LinearLayer>(network.Layers[0]).NonZero);
    }

    /// <summary>What decay has left of a weight does not become a whole one because samples are at hand.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Weights_that_have_decayed_stay_away(bool calibrated)
    {
        var random = new Random(7);
        var onnx = new OnnxBuilder(0, 40);
        double[] weights = [.. Enumerable.Range(0, 120).Select(
            i => (i % 40) switch { 0 => 0, 1 => 1e-20, _ => random.NextDouble() - 0.5 })];
        string output = onnx.Node("Gemm", [OnnxBuilder.Image, onnx.Floats([3, 40], weights)], ("transB", 1));
        IntegerNetwork network = onnx.Import(output, new ImportOptions
        {
            Samples = calibrated
                ? input => [.. Enumerable.Range(0, 64).Select(_ => new int[input.Shape.Size].Select(
                    _ => random.Next(256)).ToArray())]
                : null,
        });
        LinearLayer layer = Assert.IsType<LinearLayer>(Assert.Single(network.Layers));
        Assert.All(layer.Weights, (weight, i) => Assert.True(i % 40 > 1 || weight == 0));
    }

    private static void AssertPrecise(double[] channelScales, double[] bias)
    {
        IntegerNetwork network = TwoLayers(8, channelScales, bias, out byte[] onnx);
        var evaluator = new PlainEvaluator(network);
        using var reference = new OnnxRuntimeReference(onnx);
        var random = new Random(3);
        for (int run = 0; run < 50; run++)
        {
            int[] image = [.. Enumerable.Range(0, network.Input.Shape.Size).Select(_ => random.Next(256))];
            double[] expected = reference.Run(Array.ConvertAll(image, x => x / 255.0));
            double greatest = expected.Max(Math.Abs);
            BigInteger[] logits = evaluator.Run(image);
            for (int i = 0; i < logits.Length; i++)
            {
                Assert.InRange((double)logits[i] * network.LogitScale - expected[i], -0.02 * greatest, 0.02 * greatest);
            }
        }

        // No channel's integers stand out by more than the room that biases are given.
        Interval[] bounds = [.. Bounds.Of(network)[1]];
        int[] bits = [.. bounds.Select(b => b.MagnitudeBits).Where(b => b > 0)];
        Assert.InRange(bits.Max() - bits.Min(), 0, 6);
    }

    private static IntegerNetwork TwoLayers(int bits, double[] channelScales, double[] bias) =>
        TwoLayers(bits, channelScales, bias, out _);

    /// <summary>Six inputs, four hidden channels whose weights have the given scales, ReLU, three logits.</summary>
    private static IntegerNetwork TwoLayers(int bits, double[] channelScales, double[] bias, out byte[] file)
    {
        var random = new Random(11);
        var onnx = new OnnxBuilder(0, 6);
        float[] first =
            [.. Enumerable.Range(0, 24).Select(i => (float)(channelScales[i / 6] * (random.NextDouble() - 0.4)))];
        // The second layer undoes the scales, so that every channel matters alike.
        float[] second = [.. Enumerable.Range(0, 12).Select(i =>
        {
            double size = Math.Max(channelScales[i % 4], Math.Abs(bias[i % 4]));
            return (float)((random.NextDouble() + 0.5) / (size > 0 ? size : 1));
        })];
        string x = onnx.Node(
            "Gemm",
            [OnnxBuilder.Image, Constant(onnx, [4, 6], first), Constant(onnx, [4], [.. bias.Select(b => (float)b)])],
            ("transB", 1));
        x = onnx.Node("Gemm", [onnx.Node("Relu", x), Constant(onnx, [3, 4], second)], ("transB", 1));
        file = onnx.Build(x);
        return OnnxImporter.Import(file, new ImportOptions { WeightBits = bits });
    }

    private static string Constant(OnnxBuilder onnx, int[] dims, float[] values) =>
        onnx.Floats(dims, Array.ConvertAll(values, v => (double)v));
}
