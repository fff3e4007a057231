using Popcorn.Engine.Import;
using Popcorn.Engine.Model;
using static Popcorn.Engine.Tests.Import.MeasuredLayers;

namespace Popcorn.Engine.Tests.Import;

/// <summary>A small network in floating point of a usual architecture, reproducible from a seed.</summary>
/// <param name="file">The ONNX file.</param>
/// <param name="options">Says what its input stands for.</param>
/// <param name="description">Its architecture and what is peculiar about its layers.</param>
internal sealed class RandomOnnx(byte[] file, ImportOptions options, string description)
{
    private const NetworkTraits.Activations Relu6 = NetworkTraits.Activations.Relu6;

    /// <summary>Features of a flat input.</summary>
    private const int Features = 20;

    private static readonly (string Name, Func<MeasuredLayers, Random, Value> Build)[] Architectures =
    [
        ("chain", Chain),
        ("dense", Dense),
        ("residual", Residual),
        ("residual with projections", Projections),
        ("branches", Branches),
        ("inception", Inception),
        ("depthwise", Depthwise),
        ("MobileNet v2", InvertedResiduals),
        ("grouped", Grouped),
        ("all before joined", DenselyJoined),
    ];

    public byte[] File => file;

    /// <summary>A way to import, with what the input of this network stands for.</summary>
    public ImportOptions Taking(ImportOptions way) => way with
    {
        InputScale = options.InputScale,
        InputMeans = options.InputMeans,
        InputDeviations = options.InputDeviations,
    };

    public override string ToString() => description;

    /// <summary>Draws a network whose logits differ from image to image.</summary>
    public static RandomOnnx Draw(int seed)
    {
        var random = new Random(seed);
        (string name, Func<MeasuredLayers, Random, Value> build) = Architectures[seed % Architectures.Length];
        while (true)
        {
            NetworkTraits traits = NetworkTraits.Draw(random, name switch
            {
                "MobileNet v2" => Relu6,
                "chain" or "dense" when random.Next(4) == 0 => NetworkTraits.Activations.Square,
                _ => random.Next(8) switch
                {
                    0 => Relu6,
                    1 => NetworkTraits.Activations.LeakyRelu,
                    _ => NetworkTraits.Activations.Relu,
                },
            });
            ImportOptions options = random.Next(3) == 0
                ? new ImportOptions { InputScale = 1, InputMeans = [120], InputDeviations = [60] }
                : new ImportOptions();
            bool isFlat = name == "dense";
            Shape input = isFlat
                ? new Shape(Features, 1, 1)
                : new Shape(random.Next(2) == 0 ? 1 : 3, random.Next(5, 10), random.Next(5, 10));
            var layers = new MeasuredLayers(random, traits, input, options, isFlat);
            Value logits = layers.Logits(Headed(layers, random, build(layers, random)), random.Next(4, 11));
            if (layers.Measure(logits).Count(m => m.Deviation > 0.01) >= 3)
            {
                return new RandomOnnx(
                    layers.Onnx.Build(logits.Name), options,
                    $"{name} of {input}{(options.InputScale == 1 ? ", raw" : "")}: {traits}");
            }
        }
    }

    private static int Width(Random random) => 2 * random.Next(2, 6);

    private static Value Headed(MeasuredLayers layers, Random random, Value x)
    {
        if (!x.IsFlat && random.Next(3) != 0)
        {
            x = layers.PooledWhole(x, random.Next(4) == 0 ? "GlobalMaxPool" : "GlobalAveragePool");
        }

        return random.Next(3) == 0 ? layers.Layer(layers.Flattened(x), 2 * Width(random)) : x;
    }

    /// <summary>Half the height and width, one way or another.</summary>
    private static Value Halved(MeasuredLayers layers, Random random, Value x) => random.Next(4) switch
    {
        0 => layers.Pooled(x, "MaxPool", 2, 2),
        1 => layers.Pooled(x, "MaxPool", 3, 2, padding: 1),
        2 => layers.Pooled(x, "AveragePool", 2, 2),
        _ => layers.Layer(x, x.Shape.Channels, 3, stride: 2),
    };

    private static Value Stem(MeasuredLayers layers, Random random) => layers.Layer(layers.Input, Width(random), 3);

    private static Value Chain(MeasuredLayers layers, Random random)
    {
        Value x = Stem(layers, random);
        int more = random.Next(1, 4);
        for (int i = 0; i < more; i++)
        {
            x = layers.Layer(x, Width(random), random.Next(2) == 0 ? 1 : 3);
            x = i == 0 && random.Next(2) == 0 ? Halved(layers, random, x) : x;
        }

        return x;
    }

    private static Value Dense(MeasuredLayers layers, Random random)
    {
        Value x = layers.Input;
        int count = random.Next(1, 4);
        for (int i = 0; i < count; i++)
        {
            x = layers.Layer(x, 2 * Width(random));
        }

        return x;
    }

    private static Value Residual(MeasuredLayers layers, Random random)
    {
        Value x = Stem(layers, random);
        int blocks = random.Next(1, 5);
        for (int i = 0; i < blocks; i++)
        {
            Value inner = layers.Layer(x, Width(random), 3);
            x = layers.Activated(layers.Added(layers.Layer(inner, x.Shape.Channels, 3, linear: true), x));
        }

        return x;
    }

    private static Value Projections(MeasuredLayers layers, Random random)
    {
        Value x = Stem(layers, random);
        int blocks = random.Next(1, 4);
        for (int i = 0; i < blocks; i++)
        {
            (int outputs, int stride) = (Width(random), i < 2 ? 2 : 1);
            Value inner = layers.Layer(layers.Layer(x, outputs, 3, stride), outputs, 3, linear: true);
            x = layers.Activated(layers.Added(inner, layers.Layer(x, outputs, 1, stride, linear: true)));
        }

        return x;
    }

    /// <summary>Branches of different depth, joined or added.</summary>
    private static Value Branches(MeasuredLayers layers, Random random)
    {
        Value x = Stem(layers, random);
        Value[] branches = [.. Enumerable.Range(0, random.Next(2, 4)).Select(branch =>
        {
            Value inner = x;
            for (int i = 0; i < branch + random.Next(2); i++)
            {
                inner = layers.Layer(inner, x.Shape.Channels, 3);
            }

            return inner;
        })];
        Value met = random.Next(4) == 0 ? branches.Aggregate(layers.Added) : layers.Joined(branches);
        return layers.Layer(met, Width(random));
    }

    private static Value Inception(MeasuredLayers layers, Random random)
    {
        Value x = Stem(layers, random);
        for (int i = 0; i < 2; i++)
        {
            x = layers.Joined(
                layers.Layer(x, 3),
                layers.Layer(layers.Layer(x, 4), 4, 3),
                layers.Layer(layers.Layer(layers.Layer(x, 2), 3, 3), 4, 3),
                layers.Layer(layers.Pooled(x, "MaxPool", 3, 1, padding: 1), 2));
            x = i == 0 ? Halved(layers, random, x) : x;
        }

        return x;
    }

    private static Value Depthwise(MeasuredLayers layers, Random random)
    {
        Value x = Stem(layers, random);
        int blocks = random.Next(1, 4);
        for (int i = 0; i < blocks; i++)
        {
            int channels = x.Shape.Channels;
            x = layers.Layer(x, channels, 3, stride: i == 0 ? 2 : 1, groups: channels);
            x = layers.Layer(x, Width(random));
        }

        return x;
    }

    private static Value InvertedResiduals(MeasuredLayers layers, Random random)
    {
        Value x = Stem(layers, random);
        int blocks = random.Next(1, 4);
        for (int i = 0; i < blocks; i++)
        {
            bool adds = i > 0 || random.Next(2) == 0;
            int inner = 2 * x.Shape.Channels;
            Value wide = layers.Layer(layers.Layer(x, inner), inner, 3, adds ? 1 : 2, groups: inner);
            Value narrow = layers.Layer(wide, adds ? x.Shape.Channels : Width(random), linear: true);
            x = adds ? layers.Added(narrow, x) : narrow;
        }

        return x;
    }

    private static Value Grouped(MeasuredLayers layers, Random random)
    {
        Value x = layers.Layer(layers.Input, 8, 3);
        int blocks = random.Next(1, 4);
        for (int i = 0; i < blocks; i++)
        {
            x = layers.Layer(x, 8, 3, groups: random.Next(2) == 0 ? 2 : 4);
        }

        return Halved(layers, random, x);
    }

    private static Value DenselyJoined(MeasuredLayers layers, Random random)
    {
        Value x = Stem(layers, random);
        int steps = random.Next(1, 4);
        for (int i = 0; i < steps; i++)
        {
            x = layers.Joined(x, layers.Layer(x, 4, 3));
        }

        return layers.Layer(x, Width(random));
    }
}
