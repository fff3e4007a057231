using System.Diagnostics;
using System.Numerics;
using Popcorn.Cli.Data;
using Popcorn.Engine.Import;
using Popcorn.Engine.Import.Onnx;
using Popcorn.Engine.Evaluation;
using Popcorn.Engine.Model;
using Popcorn.Tests;
using Xunit.Abstractions;

namespace Popcorn.Engine.Tests.Import;

/// <summary>Real networks, imported with 8-bit weights, against their floating-point originals.</summary>
public class SharedNetworkTests(ITestOutputHelper output)
{
    private const string MnistImages = "data/mnist/t10k-images-idx3-ubyte.gz";
    private const string MnistLabels = "data/mnist/t10k-labels-idx1-ubyte.gz";
    private const string CifarImages = "data/cifar10/test_batch.bin.gz";

    /// <summary>Right answers of the floating-point networks among the first 1,000, by the reference.</summary>
    [SharedTheory]
    [InlineData("mnist-a-secureml", 984)]
    [InlineData("mnist-b-cryptonets", 982)]
    [InlineData("mnist-c-deepsecure", 980)]
    [InlineData("mnist-d-minionn", 990)]
    public void The_first_thousand_images_are_recognised_as_by_the_float_network(string name, int floatCorrect) =>
        Assert.InRange(CountCorrect(name, Mnist(), 1000), floatCorrect - 3, 1000);

    [SharedTheory]
    [InlineData("mnist-a-secureml")]
    [InlineData("mnist-b-cryptonets")]
    [InlineData("mnist-c-deepsecure")]
    [InlineData("mnist-d-minionn")]
    public void Logits_are_close_to_those_of_the_float_network(string name)
    {
        using FileStream file = File.OpenRead(ModelPath(name));
        var reference = new FloatReference(ModelProto.Parser.ParseFrom(file));
        IntegerNetwork network = Import(name);
        var evaluator = new PlainEvaluator(network);
        IImageSource images = Mnist();
        for (int i = 0; i < 10; i++)
        {
            int[] image = images.Read(i);
            double[] expected = reference.Run(Array.ConvertAll(image, x => x / 255.0));
            double tolerance = 0.04 * expected.Max(Math.Abs);
            BigInteger[] logits = evaluator.Run(image);
            for (int c = 0; c < logits.Length; c++)
            {
                double logit = (double)logits[c] * network.LogitScale;
                Assert.InRange(logit, expected[c] - tolerance, expected[c] + tolerance);
            }
        }
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

    /// <summary>The integers decide as the real numbers do, so that only the first layer's rounding differs.</summary>
    [SharedFact]
    public void A_binarised_network_recognises_as_many_digits_as_its_float_network()
    {
        IntegerNetwork network = Import("mnist-bin-lenet");
        Assert.InRange(CountCorrect(network, Mnist(), 1000), 964 - 3, 1000);
        LinearLayer[] binary = [.. network.Layers.OfType<LinearLayer>().Where(l => l.Fan >= 1000 && l.Output.Size > 10)];
        Assert.Equal(2, binary.Length);
        Assert.All(binary, l => Assert.Equal(1, l.Weights.Max(Math.Abs)));
    }

    [SharedFact(slow: true)]
    public void Binarised_lenet_keeps_its_accuracy() =>
        Assert.InRange(CountCorrect(Import("mnist-bin-lenet"), Mnist(), 10_000), 9700, 10_000);

    [SharedFact(slow: true)]
    public void Binarised_resnet_keeps_its_accuracy() => Assert.InRange(
        CountCorrect(
            Import("cifar10-bin-resnet18", Raw), ImageSources.Open(SharedData.PathOf(CifarImages)), 1000),
        860, 1000);

    /// <summary>
    /// Right answers of the floating-point networks on the 100 images, resized as the command line does it.
    /// </summary>
    [SharedTheory(slow: true)]
    [InlineData("mobilenet_v1_0.25_128", 44)]
    [InlineData("squeezenet1.0-deepcompression", 57)]
    [InlineData("imagenet-bin-resnet18", 32)]
    public void Imagenet_accuracy_is_within_three_images(string name, int floatCorrect)
    {
        IntegerNetwork network = Import(name, name switch
        {
            "mobilenet_v1_0.25_128" => Raw with { InputMeans = [128], InputDeviations = [128] },
            "squeezenet1.0-deepcompression" =>
                Raw with { InputMeans = [104, 117, 123], InputOrder = ChannelOrder.Bgr },
            _ => Raw,
        });
        IImageSource images = new FittedImages(
            ImageSources.Open(
                SharedData.PathOf("data/imagenet/images"), SharedData.PathOf("data/imagenet/images.csv"), 3),
            network.Input);
        // MobileNet's class 0 is the background.
        int offset = network.Outputs - 1000;
        Assert.InRange(CountCorrect(network, images, 100, offset), floatCorrect - 3, 100);
    }

    private static ImportOptions Raw { get; } = new() { InputScale = 1 };

    private static string ModelPath(string name)
    {
        string path = SharedData.PathOf($"models/{name}.onnx");
        return File.Exists(path) ? path : path + ".gz";
    }

    private static IntegerNetwork Import(string name, ImportOptions? options = null)
    {
        using FileStream file = File.OpenRead(ModelPath(name));
        return OnnxImporter.Import(file, options);
    }

    private static IImageSource Mnist() =>
        ImageSources.Open(SharedData.PathOf(MnistImages), SharedData.PathOf(MnistLabels));

    private int CountCorrect(string name, IImageSource images, int count) =>
        CountCorrect(Import(name), images, count);

    private int CountCorrect(IntegerNetwork network, IImageSource images, int count, int labelOffset = 0)
    {
        var evaluator = new PlainEvaluator(network);
        int correct = 0;
        var watch = Stopwatch.StartNew();
        evaluator.Evaluate(
            count, images.Read, (i, logits) => correct += PlainEvaluator.Label(logits) == images.Label(i) + labelOffset ? 1 : 0);
        output.WriteLine($"{correct} of {count} in {watch.Elapsed.TotalSeconds:F1} s");
        return correct;
    }
}
