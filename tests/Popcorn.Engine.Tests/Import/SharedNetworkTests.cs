using System.Diagnostics;
using System.Numerics;
using Popcorn.Cli.Data;
using Popcorn.Engine.Evaluation;
using Popcorn.Engine.Model;
using Popcorn.Tests;
using Xunit.Abstractions;

namespace Popcorn.Engine.Tests.Import;

/// <summary>Real networks, imported with 8-bit weights, against their floating-point originals.</summary>
public class SharedNetworkTests(ITestOutputHelper output)
{
    /// <summary>Right answers of the floating-point networks among the first 1,000, by the reference.</summary>
    [SharedTheory]
    [InlineData("mnist-a-secureml", 984)]
    [InlineData("mnist-b-cryptonets", 982)]
    [InlineData("mnist-c-deepsecure", 980)]
    [InlineData("mnist-d-minionn", 990)]
    public void The_first_thousand_images_are_recognised_as_by_the_float_network(string name, int floatCorrect) =>
        Assert.InRange(CountCorrect(name, 1000), floatCorrect - 3, 1000);

    [SharedTheory]
    [InlineData("mnist-a-secureml")]
    [InlineData("mnist-b-cryptonets")]
    [InlineData("mnist-c-deepsecure")]
    [InlineData("mnist-d-minionn")]
    public void Logits_are_close_to_those_of_the_float_network(string name)
    {
        using var reference = new OnnxRuntimeReference(File.ReadAllBytes(SharedNetworks.PathOf(name)));
        IntegerNetwork network = SharedNetworks.Import(name);
        var evaluator = new PlainEvaluator(network);
        IImageSource images = SharedNetworks.ImagesFor(name, network);
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
        int correct = CountCorrect(name, 10_000);
        Assert.InRange(correct / 100.0, floatPercent - 0.3, 100);
    }

    [SharedFact(slow: true)]
    public void Cifar_accuracy_is_that_of_the_float_network()
    {
        int correct = CountCorrect("cifar10-minionn", 2000);
        Assert.InRange(correct / 20.0, 86.0, 100);
    }

    /// <summary>The integers decide as the real numbers do, so that only the first layer's rounding differs.</summary>
    [SharedFact]
    public void A_binarised_network_recognises_as_many_digits_as_its_float_network()
    {
        IntegerNetwork network = SharedNetworks.Import("mnist-bin-lenet");
        Assert.InRange(CountCorrect("mnist-bin-lenet", network, 1000), 964 - 3, 1000);
        LinearLayer[] binary =
            [.. network.Layers.OfType<LinearLayer>().Where(l => l.WeightsPerOutput >= 1000 && l.Output.Size > 10)];
        Assert.Equal(2, binary.Length);
        Assert.All(binary, l => Assert.Equal(1, l.Weights.Max(Math.Abs)));
    }

    [SharedFact(slow: true)]
    public void Binarised_lenet_keeps_its_accuracy() =>
        Assert.InRange(CountCorrect("mnist-bin-lenet", 10_000), 9700, 10_000);

    [SharedFact(slow: true)]
    public void Binarised_resnet_keeps_its_accuracy() =>
        Assert.InRange(CountCorrect("cifar10-bin-resnet18", 1000), 860, 1000);

    [SharedFact]
    public void Squeezenet_keeps_every_weight_that_pruning_left()
    {
        IntegerNetwork network = SharedNetworks.Import("squeezenet1.0-deepcompression");
        Assert.Equal(415_921, network.Layers.OfType<LinearLayer>().Where(l => l.Groups == 1).Sum(l => l.NonZero));
    }

    /// <summary>
    /// Right answers of the floating-point networks on the 100 images, resized as the command line does it.
    /// </summary>
    [SharedTheory(slow: true)]
    [InlineData("mobilenet_v1_0.25_128", 44)]
    [InlineData("squeezenet1.0-deepcompression", 57)]
    [InlineData("imagenet-bin-resnet18", 32)]
    public void Imagenet_accuracy_is_within_three_images(string name, int floatCorrect)
    {
        IntegerNetwork network = SharedNetworks.Import(name);
        // MobileNet's class 0 is the background.
        int offset = network.Outputs - 1000;
        Assert.InRange(CountCorrect(name, network, 100, offset), floatCorrect - 3, 100);
    }

    private int CountCorrect(string name, int count) => CountCorrect(name, SharedNetworks.Import(name), count);

    private int CountCorrect(string name, IntegerNetwork network, int count, int labelOffset = 0)
    {
        IImageSource images = SharedNetworks.ImagesFor(name, network);
        var evaluator = new PlainEvaluator(network);
        int correct = 0;
        var watch = Stopwatch.StartNew();
        evaluator.Evaluate(
            count, images.Read,
            (i, logits) => correct += PlainEvaluator.Label(logits) == images.Label(i) + labelOffset ? 1 : 0);
        output.WriteLine($"{correct} of {count} in {watch.Elapsed.TotalSeconds:F1} s");
        return correct;
    }
}
