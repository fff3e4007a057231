using System.Numerics;
using Popcorn.Engine.Model;

namespace Popcorn.Engine.Tests.Model;

/// <summary>Small networks of every kind of layer, window and width, reproducible from a seed.</summary>
internal static class RandomNetworks
{
    public static IntegerNetwork Create(int seed)
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
            layers.Add(RandomLayer(random, input, network.ShapeOf(input), $"layer {layers.Count}"));
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

    private static Layer RandomLayer(Random random, int input, Shape shape, string name)
    {
        switch (random.Next(8))
        {
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

        return new LinearLayer(name, input, output, window, groups, weights, bias);
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
