using System.Collections.Concurrent;
using Popcorn.Engine.Import;
using Popcorn.Engine.Model;

namespace Popcorn.Engine.Tests.Import;

/// <summary>What import measures of the networks that it makes.</summary>
public sealed class ImportFidelityTests
{
    private readonly Random _random = new(20_033);

    [Fact]
    public void ANetworkThatKeepsItsLogitsIsGood()
    {
        OnnxBuilder onnx = Network(out string output);
        ImportFidelity fidelity = Measure(onnx, output);
        Assert.InRange(fidelity.MeanCosine, 0.999, 1);
        Assert.InRange(fidelity.WorstCosine, 0.99, fidelity.MeanCosine);
        Assert.InRange(fidelity.RoundedCosine, 0.999, 1);
        Assert.Equal(1, fidelity.PrunedCosine, 1e-9);
        Assert.InRange(fidelity.WorstLayerCosine, 0.99, 1);
        Assert.InRange(fidelity.Agreement, 0.9, 1);
        Assert.True(fidelity.AreGenerated);
        Assert.Equal(32, fidelity.Images);
        Assert.False(fidelity.IsBad);
    }

    [Fact]
    public void WeightsOfTooFewBitsShow()
    {
        OnnxBuilder onnx = Network(out string output);
        ImportFidelity fidelity = Measure(onnx, output, new ImportOptions { WeightBits = 1 });
        Assert.True(fidelity.IsBad);
        Assert.Equal(1, fidelity.PrunedCosine, 1e-9);
        Assert.InRange(fidelity.RoundedCosine, -1, 0.95);
    }

    [Fact]
    public void PruningShowsAgainstTheNetworkAsItWas()
    {
        OnnxBuilder onnx = Network(out string output);
        ImportFidelity fidelity = Measure(onnx, output, new ImportOptions { Sparsity = 0.95 });
        Assert.True(fidelity.IsBad);
        Assert.InRange(fidelity.PrunedCosine, -1, 0.95);
        // Against the pruned network the layers are as they should be.
        Assert.InRange(fidelity.WorstLayerCosine, 0.98, 1);
    }

    [Fact]
    public void TheWorstLayerIsNamed()
    {
        // Signs need no more than one bit; the last layer's weights do.
        var onnx = new OnnxBuilder(1, 1, 8, 8);
        double[] signs = [.. Enumerable.Range(0, 54).Select(i => i % 5 < 2 ? 1.0 : -1)];
        string x = onnx.Node("Conv", [OnnxBuilder.Image, onnx.Floats([6, 1, 3, 3], signs)]);
        x = onnx.Node("Flatten", onnx.Node("Relu", x));
        string output = onnx.Node("Gemm", [x, Random(onnx, 216, 10)]);
        ImportFidelity fidelity = Measure(onnx, output, new ImportOptions { WeightBits = 1 });
        Assert.Equal(output, fidelity.WorstLayer + "_out");
        Assert.InRange(fidelity.WorstLayerCosine, 0.5, 0.95);
    }

    [Fact]
    public void AnActivationThatIsDroppedAtTheEndIsNotHeldAgainstTheNetwork()
    {
        OnnxBuilder onnx = Network(out string output);
        Assert.InRange(Measure(onnx, onnx.Node("Sigmoid", output)).MeanCosine, 0.999, 1);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void FewLogitsAreComparedOverTheImages(int classes)
    {
        OnnxBuilder onnx = Network(out string output, classes);
        Assert.InRange(Measure(onnx, output).MeanCosine, 0.99, 1);
        Assert.InRange(Measure(onnx, output, new ImportOptions { Sparsity = 0.97 }).MeanCosine, -1, 0.97);
    }

    [Fact]
    public void SampleDataStandForGeneratedImages()
    {
        OnnxBuilder onnx = Network(out string output);
        var options = new ImportOptions
        {
            Samples = input => [.. Enumerable.Range(0, 11).Select(
                _ => Enumerable.Range(0, input.Shape.Size).Select(_ => _random.Next(256)).ToArray())],
        };
        ImportFidelity fidelity = Measure(onnx, output, options);
        Assert.False(fidelity.AreGenerated);
        Assert.Equal(11, fidelity.Images);
        Assert.InRange(fidelity.MeanCosine, 0.99, 1);
    }

    [Fact]
    public void SampleDataThatTheNetworkCannotTakeAreRefused()
    {
        OnnxBuilder onnx = Network(out string output);
        Assert.Throws<PopcornException>(() => Measure(onnx, output, new ImportOptions { Samples = _ => [[1, 2]] }));
        Assert.Throws<PopcornException>(() => Measure(
            onnx, output, new ImportOptions { Samples = input => [[.. Enumerable.Repeat(256, input.Shape.Size)]] }));
    }

    [Fact]
    public void MeasuringChangesNothing()
    {
        OnnxBuilder onnx = Network(out string output);
        var options = new ImportOptions { Sparsity = 0.5 };
        Assert.Equal(Saved(options), Saved(options with { Measured = _ => { } }));

        byte[] Saved(ImportOptions how)
        {
            using var file = new MemoryStream();
            ModelFile.Save(onnx.Import(output, how), file);
            return file.ToArray();
        }
    }

    [Fact]
    public void ProgressCoversTheComparison()
    {
        OnnxBuilder onnx = Network(out string output);
        var tasks = new ConcurrentBag<(int Done, int Total, string Task)>();
        Measure(onnx, output, new ImportOptions { Progress = (done, total, task) => tasks.Add((done, total, task)) });
        Assert.All(tasks, t => Assert.InRange(t.Done, 0, t.Total));
        Assert.Contains(tasks, t => t.Done == 32 && t.Task.StartsWith("comparing", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(1, 1, false)]
    [InlineData(0.96, 0.95, false)]
    [InlineData(0.985, 0.5, false)]
    [InlineData(0.96, 0.85, true)]
    [InlineData(0.94, 1, true)]
    [InlineData(double.NaN, 1, true)]
    public void NetworksThatAreFarApartAreBad(double cosine, double agreement, bool isBad) => Assert.Equal(
        isBad, new ImportFidelity(16, true, cosine, cosine, agreement, 1, 1, "layer", cosine).IsBad);

    [Theory]
    [InlineData(3, 40, 32)]
    [InlineData(784, 1, 1)]
    public void GeneratedImagesAreOfEveryKindAndAlwaysTheSame(int channels, int height, int width)
    {
        var input = new InputDescription(new Shape(channels, height, width), -20, 107, 1);
        IReadOnlyList<int[]> images = GeneratedImages.Of(input);
        Assert.Equal(GeneratedImages.Count, images.Count);
        Assert.Equal(images, GeneratedImages.Of(input));
        Assert.All(images, image =>
        {
            Assert.Equal(input.Shape.Size, image.Length);
            Assert.All(image, x => Assert.InRange(x, -20, 107));
        });

        // Neighbours are alike in photographs and not in noise; most of a picture of strokes is its ground.
        int row = channels == 3 ? width : channels;
        double[] steps = [.. images.Select(image => Enumerable.Range(1, row - 1)
            .Average(i => Math.Abs(image[i] - image[i - 1])))];
        Assert.True(steps[0] < steps[1] / 2 && steps[2] < steps[1] / 2);
        int[] ground = images[3][..(channels == 3 ? height * width : channels)];
        Assert.True(ground.CountBy(x => x).Max(c => c.Value) > ground.Length / 2);
    }

    private static ImportFidelity Measure(OnnxBuilder onnx, string output, ImportOptions? options = null)
    {
        ImportFidelity? fidelity = null;
        onnx.Import(output, (options ?? new ImportOptions()) with { Measured = measured => fidelity = measured });
        return Assert.IsType<ImportFidelity>(fidelity);
    }

    /// <summary>A convolution, ReLU, a pool, and two dense layers with ReLU between them.</summary>
    private OnnxBuilder Network(out string output, int classes = 10)
    {
        var onnx = new OnnxBuilder(1, 1, 12, 12);
        string x = onnx.Node("Conv", [OnnxBuilder.Image, Random(onnx, 8, 1, 3, 3), Random(onnx, 8)]);
        x = onnx.Node("MaxPool", onnx.Node("Relu", x), ("kernel_shape", new[] { 2, 2 }), ("strides", new[] { 2, 2 }));
        x = onnx.Node("MatMul", [onnx.Node("Flatten", x), Random(onnx, 200, 40)]);
        output = onnx.Node("MatMul", [onnx.Node("Relu", x), Random(onnx, 40, classes)]);
        return onnx;
    }

    private string Random(OnnxBuilder onnx, params int[] dims) => onnx.Floats(
        dims, [.. Enumerable.Range(0, dims.Aggregate((a, b) => a * b)).Select(_ => _random.NextDouble() - 0.5)]);
}
