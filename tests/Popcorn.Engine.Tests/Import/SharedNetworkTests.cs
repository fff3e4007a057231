using System.Diagnostics;
using Popcorn.Cli.Data;
using Popcorn.Engine.Import;
using Popcorn.Engine.Import.Onnx;
using Popcorn.Engine.Model;
using Popcorn.Tests;
using Xunit.Abstractions;

namespace Popcorn.Engine.Tests.Import;

/// <summary>Real networks, imported with 8-bit weights, against the accuracy of their floating-point originals.</summary>
public class SharedNetworkTests(ITestOutputHelper output)
{
    private const string MnistImages = "data/mnist/t10k-images-idx3-ubyte.gz";
    private const string MnistLabels = "data/mnist/t10k-labels-idx1-ubyte.gz";
    private const string CifarImages = "data/cifar10/test_batch.bin.gz";

    [SharedTheory]
    [InlineData("mnist-a-secureml")]
    [InlineData("mnist-b-cryptonets")]
    [InlineData("mnist-c-deepsecure")]
    [InlineData("mnist-d-minionn")]
    public void First_images_are_recognised_as_by_the_float_network(string name)
    {
        const int count = 1000;
        using FileStream file = File.OpenRead(ModelPath(name));
        var reference = new FloatReference(ModelProto.Parser.ParseFrom(file));
        IImageSource images = Mnist();
        int floatCorrect = Enumerable.Range(0, count).AsParallel().Count(i =>
        {
            double[] logits = reference.Run(Array.ConvertAll(images.Read(i), x => x / 255.0));
            return Array.IndexOf(logits, logits.Max()) == images.Label(i);
        });
        Assert.InRange(CountCorrect(name, images, count), floatCorrect - 3, count);
    }

    [SharedTheory(slow: true)]
    [InlineData("mnist-a-secureml", 98.20)]
    [InlineData("mnist-b-cryptonets", 98.62)]
    [InlineData("mnist-c-deepsecure", 98.02)]
    [InlineData("mnist-d-minionn", 98.97)]
    public void Mnist_accuracy_is_within_three_tenths_of_a_point(string name, double floatPercent)
    {
        int correct = CountCorrect(name, Mnist(), 10_000);
        Assert.InRange(correct / 100.0, floatPercent - 0.3, 100);
    }

    [SharedFact(slow: true)]
    public void Cifar_accuracy_is_that_of_the_float_network()
    {
        int correct = CountCorrect("cifar10-minionn", ImageSources.Open(SharedData.PathOf(CifarImages)), 2000);
        Assert.InRange(correct / 20.0, 86.0, 100);
    }

    private static string ModelPath(string name) => SharedData.PathOf($"models/{name}.onnx");

    private static IImageSource Mnist() =>
        ImageSources.Open(SharedData.PathOf(MnistImages), SharedData.PathOf(MnistLabels));

    private int CountCorrect(string name, IImageSource images, int count)
    {
        using FileStream file = File.OpenRead(ModelPath(name));
        var evaluator = new PlainEvaluator(OnnxImporter.Import(file));
        int correct = 0;
        var watch = Stopwatch.StartNew();
        evaluator.Evaluate(
            count, images.Read, (i, logits) => correct += PlainEvaluator.Label(logits) == images.Label(i) ? 1 : 0);
        output.WriteLine($"{name}: {correct} of {count} in {watch.Elapsed.TotalSeconds:F1} s");
        return correct;
    }
}
