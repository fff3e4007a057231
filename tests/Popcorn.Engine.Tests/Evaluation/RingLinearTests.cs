using System.Numerics;
using System.Runtime.InteropServices;
using Popcorn.Engine.Evaluation;
using Popcorn.Engine.Model;

namespace Popcorn.Engine.Tests.Evaluation;

/// <summary>Linear layers modulo 2^64 and 2^32 against a loop over everything.</summary>
public class RingLinearTests
{
    /// <summary>Of all parameters, windows that see nothing of the plane included.</summary>
    [Fact]
    public void Random_layers_are_exact()
    {
        var random = new Random(1);
        for (int i = 0; i < 1500; i++)
        {
            var shape = new Shape(random.Next(1, 5), random.Next(1, 12), random.Next(1, 12));
            int groups = random.Next(3) == 0 ? shape.Channels : 1;
            int most = random.Next(4) == 0 ? 20 : 4;
            var window = new Window(
                random.Next(1, 5), random.Next(1, 5), random.Next(1, 4), random.Next(1, 4), random.Next(1, 4),
                random.Next(1, 4), random.Next(0, most), random.Next(0, most),
                random.Next(1, 14), random.Next(1, 14));
            AssertExact(LayerOf(random, shape, window, groups, groups * random.Next(1, 6)), shape, random);
        }
    }

    /// <summary>Many outputs of few positions, in groups or not, with weights of every width.</summary>
    [Fact]
    public void Layers_of_few_positions_are_exact()
    {
        var random = new Random(2);
        for (int i = 0; i < 300; i++)
        {
            int groups = random.Next(3) == 0 ? 2 : 1;
            var shape = new Shape(groups * random.Next(1, 40), random.Next(1, 4), random.Next(1, 4));
            Window window = random.Next(2) == 0
                ? Window.Whole(shape.Height, shape.Width)
                : new Window(2, 3, 1, 2, 1, 1, random.Next(2), random.Next(3), random.Next(1, 3), random.Next(1, 3));
            AssertExact(LayerOf(random, shape, window, groups, groups * random.Next(14, 140)), shape, random);
        }
    }

    /// <summary>More channels and positions than are computed at once.</summary>
    [Theory]
    [InlineData(70, 20, 21, 3, 1, 9)]
    [InlineData(300, 9, 9, 1, 1, 5)]
    [InlineData(40, 33, 30, 5, 2, 4)]
    [InlineData(2, 90, 70, 7, 3, 3)]
    public void Large_layers_are_exact(int channels, int height, int width, int kernel, int stride, int outputs)
    {
        var random = new Random(3);
        var shape = new Shape(channels, height, width);
        var window = new Window(
            kernel, kernel, stride, stride, 1, 1, kernel / 2, kernel / 2,
            (height + stride - 1) / stride, (width + stride - 1) / stride);
        AssertExact(LayerOf(random, shape, window, 1, outputs), shape, random);
        AssertExact(LayerOf(random, shape, window, channels, 2 * channels), shape, random);
    }

    [Fact]
    public void Zero_layers_have_constants()
    {
        var shape = new Shape(2, 3, 3);
        LinearLayer layer = LayerOf(new Random(4), shape, Window.Pointwise(3, 3), 1, 3);
        AssertExact(layer with { Weights = new int[layer.Weights.Length] }, shape, new Random(5));
        Window outside = Window.Pointwise(3, 3) with { PadTop = 9 };
        AssertExact(LayerOf(new Random(4), shape, outside, 1, 3), shape, new Random(6));
    }

    /// <summary>A kernel of which nearly all lies outside takes no more memory than one that does not.</summary>
    [Fact]
    public void Taps_that_see_nothing_cost_nothing()
    {
        var shape = new Shape(1, 2, 2);
        Window window = Window.Pointwise(2, 2) with
        {
            KernelHeight = 3,
            KernelWidth = 3,
            DilationY = 1 << 14,
            DilationX = 1 << 14,
            PadTop = 1 << 14,
        };
        AssertExact(LayerOf(new Random(7), shape, window, 1, 2), shape, new Random(8));
    }

    [Fact]
    public void Lengths_are_checked()
    {
        var shape = new Shape(2, 3, 3);
        var ring = new RingLinear(LayerOf(new Random(4), shape, Window.Pointwise(3, 3), 1, 3), shape, false);
        Assert.Equal((18, 27), (ring.InputSize, ring.OutputSize));
        Assert.Throws<ArgumentOutOfRangeException>(() => ring.Run(new ulong[17], 1, new ulong[27], 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => ring.Run(new ulong[18], 1, new ulong[28], 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => ring.Run(new ulong[18], 1, new ulong[27], 0));
        ring.Run([], 0, [], 1);
    }

    private static LinearLayer LayerOf(Random random, Shape shape, Window window, int groups, int outputs)
    {
        int widest = 1 << random.Next(1, 31);
        int zeros = random.Next(3) == 0 ? random.Next(100) : 0;
        int[] weights = [.. Enumerable.Range(0, outputs * (shape.Channels / groups) * window.Taps).Select(_ =>
            random.Next(100) < zeros ? 0 : (int)random.NextInt64(1 - (long)widest, widest))];
        return new LinearLayer(
            "layer", 0, new Shape(outputs, window.OutputHeight, window.OutputWidth), window, groups, weights,
            Numbers(outputs))
        {
            Padding = Numbers(random.Next(3) == 0 ? outputs * window.Taps : 0),
        };

        BigInteger[] Numbers(int count) => [.. Enumerable.Range(0, count).Select(_ =>
            random.Next(-1000, 1000) * BigInteger.Pow(2, random.Next(80)))];
    }

    private static void AssertExact(LinearLayer layer, Shape shape, Random random)
    {
        int images = random.Next(1, 4);
        var input = new ulong[images * shape.Size];
        random.NextBytes(MemoryMarshal.AsBytes(input.AsSpan()));
        ulong[] expected = [.. input.Chunk(shape.Size).SelectMany(image => Plain(layer, shape, image))];
        foreach (bool narrow in new[] { false, true })
        {
            var ring = new RingLinear(layer, shape, narrow);
            ulong mask = narrow ? uint.MaxValue : ulong.MaxValue;
            foreach (int degree in new[] { 1, 3 })
            {
                ulong[] results = [.. Enumerable.Repeat(0xBADul, expected.Length)];
                ring.Run(input, images, results, degree);
                for (int i = 0; i < results.Length; i++)
                {
                    Assert.True(
                        (results[i] & mask) == (expected[i] & mask),
                        $"{shape}, {layer.Output}, {layer.Groups} groups, {layer.Window}: element {i}");
                }
            }
        }
    }

    private static ulong[] Plain(LinearLayer layer, Shape shape, ulong[] image)
    {
        BigInteger[] constants = layer.Constants(shape);
        int inputs = shape.Channels / layer.Groups, outputs = layer.Output.Channels / layer.Groups;
        int area = layer.Output.Area;
        var result = new ulong[layer.Output.Size];
        for (int i = 0; i < result.Length; i++)
        {
            (int output, int position) = Math.DivRem(i, area);
            BigInteger sum = constants.Length == result.Length ? constants[i] : constants[output];
            result[i] = (ulong)(sum & ulong.MaxValue);
            for (int channel = 0; channel < inputs; channel++)
            {
                int plane = (output / outputs * inputs + channel) * shape.Area;
                for (int tap = 0; tap < layer.Window.Taps; tap++)
                {
                    int weight = layer.Weights[(output * inputs + channel) * layer.Window.Taps + tap];
                    int seen = layer.Window.Position(position, tap, shape);
                    result[i] += seen >= 0 ? (ulong)weight * image[plane + seen] : 0;
                }
            }
        }

        return result;
    }
}
