using System.Collections.Concurrent;
using Popcorn.Cli.Data;
using Popcorn.Engine.Import;
using Popcorn.Engine.Model;
using Popcorn.Tests;

namespace Popcorn.Engine.Tests.Import;

/// <summary>The networks of <c>../shared</c> and the images that they were trained for.</summary>
internal static class SharedNetworks
{
    private static readonly ConcurrentDictionary<string, Lazy<IntegerNetwork>> Imported = new();

    private static ImportOptions Raw { get; } = new() { InputScale = 1 };

    public static string PathOf(string name)
    {
        string path = SharedData.PathOf($"models/{name}.onnx");
        return File.Exists(path) ? path : path + ".gz";
    }

    /// <summary>Imported with 8-bit weights and the input that it takes; once for all tests.</summary>
    public static IntegerNetwork Import(string name) =>
        Imported.GetOrAdd(name, static name => new(() => ImportAnew(name))).Value;

    private static IntegerNetwork ImportAnew(string name)
    {
        using FileStream file = File.OpenRead(PathOf(name));
        return OnnxImporter.Import(file, name switch
        {
            "mobilenet_v1_0.25_128" => Raw with { InputMeans = [128], InputDeviations = [128] },
            "squeezenet1.0-deepcompression" =>
                Raw with { InputMeans = [104, 117, 123], InputOrder = ChannelOrder.Bgr },
            "cifar10-bin-resnet18" or "imagenet-bin-resnet18" => Raw,
            _ => null,
        });
    }

    /// <summary>Test images, as the command line gives them to the network.</summary>
    public static IImageSource ImagesFor(string name, IntegerNetwork network) => name switch
    {
        _ when name.StartsWith("mnist-", StringComparison.Ordinal) => ImageSources.Open(
            SharedData.PathOf("data/mnist/t10k-images-idx3-ubyte.gz"),
            SharedData.PathOf("data/mnist/t10k-labels-idx1-ubyte.gz")),
        _ when name.StartsWith("cifar10-", StringComparison.Ordinal) =>
            ImageSources.Open(SharedData.PathOf("data/cifar10/test_batch.bin.gz")),
        _ => new FittedImages(
            ImageSources.Open(
                SharedData.PathOf("data/imagenet/images"), SharedData.PathOf("data/imagenet/images.csv"), 3),
            network.Input),
    };
}
