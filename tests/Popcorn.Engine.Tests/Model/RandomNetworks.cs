using System.Numerics;
using Popcorn.Engine.Model;

namespace Popcorn.Engine.Tests.Model;

/// <summary>Small networks of every kind of layer, window and width, reproducible from a seed.</summary>
internal static class RandomNetworks
{
    /// <param name="seed">Says which.</param>
    /// <param name="exact">Leave out rescaling, which rounds at random in oblivious inference.</param>
    /// <param name="small">Weights, factors and constants of few bits, so that most values have less than 60.</param>
    public static IntegerNetwork Create(int seed, bool exact = false, bool small = false)
    {
        var random = new Random(seed);
        var shape = new Shape(random.Next(1, 5), random.Next(1, 8), random.Next(1, 8));
        (int minimum, int maximum) = random.Next(3) switch { 0 => (0, 255), 1 => (-8, 7), _ => (3, 9) };
        var layers = new List<Layer>();
        var network = new IntegerNetwork(new InputDescription(shape, minimum, maximum, 1 / 255.0), layers, 0.25);
        int count = random.Next(1, 7);
        while (layers.Count < count)
        {
            int input = random.Next(4) == 0 ? random.Next(layers.Count + 1) : layers.Count;
            Layer layer = RandomLayer(random, input, network, $"layer {layers.Count}");
            layer = small ? Smaller(layer) : layer;
            if (!exact || layer is not RescaleLayer)
            {
                layers.Add(layer);
            }
        }

        return network;
    }

    public static int[] Input(IntegerNetwork network, Random random)
    {
        int extremes = random.Next(4);
        var input = new int[network.Input.Shape.Size];
        for (int i = 0; i < input.Length; i++)
        {
            input[i] = extremes switch
            {
                0 => network.Input.Minimum,
                1 => network.Input.Maximum,
                2 => random.Next(2) == 0 ? network.Input.Minimum : network.Input.Maximum,
                _ => random.Next(network.Input.Minimum, network.Input.Maximum + 1),
            };
        }

        return input;
    }

    /// <summary>The same with numbers of few bits.</summary>
    private static Layer Smaller(Layer layer)
    {
        return layer switch
        {
            LinearLayer linear => linear with
            {
                Weights = [.. linear.Weights.Select(weight => weight % 8)],
                Bias = [.. linear.Bias.Select(bias => bias % 1000)],
                Padding = [.. linear.Padding.Select(value => value % 1000)],
            },
            AddLayer sum => sum with
            {
                Factors = [.. sum.Factors.Select(factor => factor % 6)],
                SecondFactors = [.. sum.SecondFactors.Select(factor => factor % 6)],
            },
            _ => layer,
        };
    }

    private static Layer RandomLayer(Random random, int input, IntegerNetwork network, string name)
    {
        Shape shape = network.ShapeOf(input);
        switch (random.Next(14))
        {
            case 8:
                int[] same = ValuesLike(network, s => s == shape);
                return new AddLayer(
                    name, input, same[random.Next(same.Length)], shape, Factors(random, shape), Factors(random, shape));
            case 9:
                int[] planes = ValuesLike(network, s => s.Height == shape.Height && s.Width == shape.Width);
                int[] further =
                    [.. Enumerable.Range(0, random.Next(3)).Select(_ => planes[random.Next(planes.Length)])];
                int channels = shape.Channels + further.Sum(value => network.ShapeOf(value).Channels);
                return new ConcatLayer(name, input, further, shape with { Channels = channels });
            case 10:
                BigInteger[] caps = [.. Enumerable.Range(0, shape.Channels)
                    .Select(_ => (BigInteger)random.Next(100) << (random.Next(5) == 0 ? 100 : random.Next(12)))];
                return new ClipLayer(name, input, shape, caps);
            case 11:
                return new RescaleLayer(name, input, shape, random.Next(1, random.Next(3) == 0 ? 70 : 6));
            case 12:
                int saturation = random.Next(2) == 0 ? 0 : random.Next(1, random.Next(3) == 0 ? 65 : 9);
                int shift = random.Next(saturation == 0 ? 1 : 0, random.Next(3) == 0 ? 70 : 6);
                return new ShiftLayer(name, input, shape, shift, saturation);
            case 0:
                return new ReluLayer(name, input, shape);
            case 1:
                return new SquareLayer(name, input, shape);
            case 2:
                return new SignLayer(name, input, shape);
            case 3 or 4:
                Window window = RandomWindow(random, shape, w => w.AlwaysSees(shape.Height, shape.Width));
                var output = new Shape(shape.Channels, window.OutputHeight, window.OutputWidth);
                return new MaxPoolLayer(name, input, output, window, random.Next(2) == 0);
            default:
                return RandomLinear(random, input, shape, name);
        }
    }

    private static LinearLayer RandomLinear(Random random, int input, Shape shape, string name)
    {
        int groups = random.Next(3) == 0 ? shape.Channels : 1;
        Window window = random.Next(3) == 0
            ? Window.Whole(shape.Height, shape.Width)
            : RandomWindow(random, shape, _ => true);
        var output = new Shape(groups * random.Next(1, 4), window.OutputHeight, window.OutputWidth);
        int widest = 1 << random.Next(1, 24);
        int zeros = random.Next(0, 90);
        var weights = new int[output.Channels * (shape.Channels / groups) * window.Taps];
        for (int i = 0; i < weights.Length; i++)
        {
            weights[i] = random.Next(100) < zeros ? 0 : random.Next(-widest, widest + 1);
        }

        var bias = new BigInteger[output.Channels];
        for (int i = 0; i < bias.Length; i++)
        {
            bias[i] = random.Next(-1000, 1000) * BigInteger.Pow(2, random.Next(6) == 0 ? random.Next(100) : 0);
        }

        var padding = new BigInteger[random.Next(3) == 0 ? output.Channels * window.Taps : 0];
        for (int i = 0; i < padding.Length; i++)
        {
            padding[i] = random.Next(-1000, 1000) * BigInteger.Pow(2, random.Next(6) == 0 ? random.Next(100) : 0);
        }

        return new LinearLayer(name, input, output, window, groups, weights, bias) { Padding = padding };
    }

    private static int[] ValuesLike(IntegerNetwork network, Predicate<Shape> isWanted) =>
        [.. Enumerable.Range(0, network.Layers.Count + 1).Where(value => isWanted(network.ShapeOf(value)))];

    private static int[] Factors(Random random, Shape shape)
    {
        int widest = 1 << random.Next(0, 12);
        return [.. Enumerable.Range(0, shape.Channels).Select(_ => random.Next(-widest, widest + 1))];
    }

    private static Window RandomWindow(Random random, Shape shape, Predicate<Window> isWanted)
    {
        while (true)
        {
            var window = new Window(
                random.Next(1, 4), random.Next(1, 4), random.Next(1, 4), random.Next(1, 4), random.Next(1, 3),
                random.Next(1, 3), random.Next(0, 3), random.Next(0, 3),
                random.Next(1, shape.Height + 2), random.Next(1, shape.Width + 2));
            if (isWanted(window))
            {
                return window;
            }
        }
    }
}
