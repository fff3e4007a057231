using System.Numerics;
using Popcorn.Engine.Evaluation;
using Popcorn.Engine.Import;
using Popcorn.Engine.Model;
using Popcorn.Engine.Tests.Sessions;

namespace Popcorn.Engine.Tests.Import;

/// <summary>Networks whose activations keep few bits: what is multiplied is small, and the rest as it was.</summary>
public class ActivationBitsTests
{
    private const string X = OnnxBuilder.Image;
    private const int Bits = 8;

    private readonly Random _random = new(5);

    public static TheoryData<string, Func<ActivationBitsTests, OnnxBuilder, string>> Networks => new()
    {
        { "a chain", (t, o) => t.Conv(o, t.Rectified(o, t.Rectified(o, X, 4, 3), 4, 4), 2, 4) },
        { "a residual", (t, o) => t.Conv(o, t.Residual(o, t.Rectified(o, X, 4, 3)), 2, 4) },
        {
            "clips",
            (t, o) => t.Conv(
                o, o.Node("Clip", [t.Conv(o, t.Rectified(o, X, 4, 3), 4, 4), o.Floats([], 0), o.Floats([], 0.5)]), 2, 4)
        },
        { "pools", (t, o) => t.Conv(o, t.Pooled(o, "AveragePool", t.Pooled(o, "MaxPool", t.Conv(o, X, 4, 3))), 2, 4) },
        { "a square", (t, o) => t.Conv(o, Square(o, t.Conv(o, X, 4, 3)), 2, 4) },
        {
            "joined branches",
            (t, o) => t.Conv(
                o, o.Node("Concat", [t.Rectified(o, X, 2, 3), t.Rectified(o, t.Rectified(o, X, 2, 3), 2, 2)],
                ("axis", 1)), 2, 4)
        },
    };

    [Theory]
    [MemberData(nameof(Networks))]
    public async Task Products_are_of_few_bits_and_logits_close(
        string _, Func<ActivationBitsTests, OnnxBuilder, string> build)
    {
        var onnx = new OnnxBuilder(1, 3, 8, 8);
        byte[] file = onnx.Build(build(this, onnx));
        IntegerNetwork network = OnnxImporter.Import(file, new ImportOptions { ActivationBits = Bits });
        var bounds = Bounds.Of(network);
        Assert.Contains(network.Layers, layer => layer is ShiftLayer);
        foreach (Layer layer in network.Layers.Where(layer => layer is SquareLayer || IsWeighted(layer)))
        {
            // Some slack: squares have twice the bits, sums of two a few more.
            Assert.InRange(bounds.Hull(layer.Input).MagnitudeBits, 1, Bits + 6);
        }

        var evaluator = new PlainEvaluator(network);
        using var reference = new OnnxRuntimeReference(file);
        for (int run = 0; run < 8; run++)
        {
            int[] image = [.. Enumerable.Range(0, network.Input.Shape.Size).Select(_ => _random.Next(256))];
            double[] expected = reference.Run(Array.ConvertAll(image, x => x / 255.0));
            BigInteger[] logits = evaluator.Run(image);
            double allowed = 0.05 * (expected.Max() - expected.Min());
            Assert.All(logits, (l, i) => Assert.InRange(
                (double)l * network.LogitScale, expected[i] - allowed, expected[i] + allowed));
        }

        await SessionTests.AssertAgreesAsync(network, _random);
    }

    /// <summary>Half of what a shift drops is in the biases before it.</summary>
    [Fact]
    public void A_shift_rounds_to_the_nearest()
    {
        var onnx = new OnnxBuilder(0, 1);
        string hidden = onnx.Node("Relu", onnx.Node(
            "Gemm", [X, onnx.Floats([2, 1], 1, 0.71), onnx.Floats([2], 0, 0)], ("transB", 1)));
        string output = onnx.Node("Gemm", [hidden, onnx.Floats([2, 2], 1, 0.3, 0.2, 1)], ("transB", 1));
        IntegerNetwork network = onnx.Import(output, new ImportOptions { ActivationBits = 4, InputMinimum = -255 });
        ShiftLayer shift = network.Layers.OfType<ShiftLayer>().First();
        var linear = Assert.IsType<LinearLayer>(network.Layers[shift.Input - 1]);
        Assert.Equal(4, shift.SaturationBits);
        Assert.All(linear.Bias, bias => Assert.Equal(BigInteger.One << (shift.Shift - 1), bias));
    }

    private static bool IsWeighted(Layer layer) => layer is LinearLayer { IsPool: false, WeightsPerOutput: > 1 };

    private static string Square(OnnxBuilder onnx, string x) => onnx.Node("Mul", [x, x]);

    private string Rectified(OnnxBuilder onnx, string x, int outputs, int inputs) =>
        onnx.Node("Relu", Conv(onnx, x, outputs, inputs));

    private string Residual(OnnxBuilder onnx, string x) =>
        onnx.Node("Relu", onnx.Node("Add", [x, Conv(onnx, Rectified(onnx, x, 4, 4), 4, 4)]));

    private string Pooled(OnnxBuilder onnx, string kind, string x) => onnx.Node(
        kind, [onnx.Node("Relu", x)], ("kernel_shape", new[] { 2, 2 }), ("strides", new[] { 2, 2 }));

    private string Conv(OnnxBuilder onnx, string x, int outputs, int inputs) => onnx.Node(
        "Conv", [x, Reals(onnx, outputs, inputs, 3, 3), Reals(onnx, outputs)], ("pads", new[] { 1, 1, 1, 1 }));

    private string Reals(OnnxBuilder onnx, params int[] dims) => onnx.Floats(
        dims, [.. Enumerable.Range(0, dims.Aggregate((a, b) => a * b)).Select(_ => _random.NextDouble() - 0.4)]);
}
