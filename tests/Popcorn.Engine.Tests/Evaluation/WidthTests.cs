using System.Numerics;
using Popcorn.Engine.Evaluation;
using Popcorn.Engine.Model;
using Popcorn.Engine.Tests.Model;
using Popcorn.Tests;

namespace Popcorn.Engine.Tests.Evaluation;

/// <summary>
/// Values and sums just at, below and above what each kind of number holds, of either sign, with digits that are all
/// ones or all zeros. Every network begins with constants: a linear layer of zero weights, whose biases its input
/// cannot change, so that bounds are as tight as can be.
/// </summary>
public class WidthTests
{
    /// <summary>Bits of the sums: around 2^15, 2^24, 2^53, 2^62, 2^63, and around limbs.</summary>
    public static TheoryData<int> SumBits =>
        [1, 14, 15, 16, 23, 24, 25, 30, 31, 32, 33, 52, 53, 54, 55, 61, 62, 63, 64, 65, 95, 96, 97, 127, 128, 129];

    /// <summary>±2^a·2^b and one more or less, with the weight as narrow and as wide as can be.</summary>
    [Theory]
    [MemberData(nameof(SumBits))]
    public void Sums_at_the_edge_of_a_width_are_exact(int bits)
    {
        foreach (int weightBits in new[] { 0, 1, 8, 20, 21, 22, 29, 30 }.Where(b => b <= bits))
        {
            foreach (int more in new[] { -1, 0, 1 })
            {
                foreach (int sign in new[] { -1, 1 })
                {
                    BigInteger wide = BigInteger.One << (bits - weightBits);
                    AssertExact([wide, 1, wide - 1, -wide], new int[,]
                    {
                        { sign * (1 << weightBits), more, 0, 0 },
                        { 0, more, sign * (1 << weightBits), 0 },
                        { 0, 0, more, sign * (1 << weightBits) },
                    });
                }
            }
        }
    }

    /// <summary>
    /// Sums of digits that are as large as digits can be, with Σ |weight| around 2^21 (digits of a limb in doubles),
    /// 2^30 (in long integers) and 2^46 (digits of half a limb).
    /// </summary>
    [Theory]
    [InlineData(64, 1 << 15)]
    [InlineData(1, int.MaxValue)]
    [InlineData(2, int.MaxValue)]
    [InlineData(3, int.MaxValue)]
    [InlineData(1 << 15, int.MaxValue)]
    [InlineData((1 << 15) + 2, int.MaxValue)]
    public void Sums_of_the_largest_digits_are_exact(int count, int weight)
    {
        // Of long sums, which take seconds, only the largest digits of either sign.
        bool isLong = count >= 1 << 15 && !SharedData.SlowTests;
        foreach (int bits in new[] { 64, 95 })
        {
            BigInteger power = BigInteger.One << bits;
            foreach (BigInteger value in isLong ? [power - 1, -power] : new[] { power - 1, -power, 1 - power })
            {
                int more = Math.Min(weight, int.MaxValue - 1) + 1;
                foreach (int last in isLong ? [weight] : new[] { weight - 1, weight, more })
                {
                    int[,] weights = new int[3, count];
                    for (int i = 0; i < count; i++)
                    {
                        weights[0, i] = i == count - 1 ? last : weight;
                        weights[1, i] = -weights[0, i];
                        weights[2, i] = i % 2 == 0 ? weight : -weight;
                    }

                    AssertExact([.. Enumerable.Repeat(value, count)], weights);
                }
            }
        }
    }

    /// <summary>Both sides of all multiples of a limb, and of half a limb.</summary>
    private static BigInteger[] Edges =>
    [
        .. from bits in new[] { 0, 16, 31, 32, 33, 63, 64, 65, 96, 128 }
           from sign in new[] { -1, 1 }
           from more in new[] { -1, 0, 1 }
           select sign * (BigInteger.One << bits) + more,
    ];

    [Fact]
    public void Layers_are_exact_on_both_sides_of_a_limb()
    {
        BigInteger[] values = Edges;
        var shape = new Shape(values.Length, 1, 1);
        BigInteger[] caps = [.. values.Reverse().Select(BigInteger.Abs)];
        int[] factors = [.. values.Select((_, i) => i % 3 == 0 ? int.MaxValue : i % 3 == 1 ? -int.MaxValue : i - 30)];
        Layer[] kinds =
        [
            new ReluLayer("relu", 1, shape),
            new SignLayer("sign", 1, shape),
            new SquareLayer("square", 1, shape),
            new ClipLayer("clip", 1, shape, caps),
            new ClipLayer("clip", 1, shape, [.. values.Select(BigInteger.Abs)]),
            new AddLayer("add", 1, 1, shape, factors, [.. factors.Reverse()]),
            new AddLayer("add", 1, 0, shape, factors, factors),
            new ConcatLayer("concat", 0, [1, 0], new Shape(3 * values.Length, 1, 1)),
            .. new[] { 1, 15, 31, 32, 33, 64, 95, 128, 200 }.Select(s => new RescaleLayer("rescale", 1, shape, s)),
        ];
        foreach (Layer layer in kinds)
        {
            AssertExact(Constants(values, [layer]));
        }
    }

    /// <summary>Shifts within a limb, by whole limbs and beyond the number, of values of one limb and of several.
    /// </summary>
    [Fact]
    public void Shifts_are_exact_at_every_width()
    {
        foreach (int bits in new[] { 1, 2, 7, 8, 15, 30, 31, 32, 33, 40, 63, 64, 65, 96, 127, 128, 200 })
        {
            BigInteger bound = BigInteger.One << bits;
            foreach (int shift in new[] { 0, 1, 5, 8, 31, 32, 33, 63, 64, 90, 128, 199, 200, 201, 1024 })
            {
                foreach (int saturation in new[] { 0, 1, 8, 31, 32, 33, 63, 64 })
                {
                    if (shift == 0 && saturation == 0)
                    {
                        continue;
                    }

                    // More than a vector holds, and some at its end.
                    BigInteger[] values =
                    [
                        .. from edge in new[] { 0, shift, shift + saturation, bits }
                           from sign in new[] { -1, 1 }
                           from more in new[] { -2, -1, 0, 1, 2 }
                           let value = sign * (BigInteger.One << edge) + more
                           where BigInteger.Abs(value) < bound
                           select value,
                    ];
                    values = [.. values, .. values, bound - 1, 1 - bound, -1, 0];
                    var layer = new ShiftLayer("shift", 1, new Shape(values.Length, 1, 1), shift, saturation);
                    AssertExact(Constants(values, [layer]));
                }
            }
        }
    }

    /// <summary>Each pair of values meets in a window, with and without zero.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void The_greater_of_two_is_found_on_both_sides_of_a_limb(bool withZero)
    {
        (BigInteger First, BigInteger Second)[] pairs = [.. from a in Edges from b in Edges select (a, b)];
        var shape = new Shape(pairs.Length, 2, 1);
        // At the first position a tap is absent; what it adds makes the difference.
        var constants = new LinearLayer(
            "constants", 0, shape, new Window(2, 1, 1, 1, 1, 1, 1, 0, 2, 1), shape.Channels, new int[shape.Size],
            [.. pairs.Select(pair => pair.Second)])
        {
            Padding = [.. pairs.SelectMany(pair => new[] { pair.First - pair.Second, 0 })],
        };
        var pool = new MaxPoolLayer("pool", 1, shape with { Height = 1 }, Window.Whole(2, 1), withZero);
        AssertExact(new IntegerNetwork(new InputDescription(shape, 0, 1, 1), [constants, pool], 1));
    }

    /// <summary>Layers with more rows than a block and more positions than a panel, in every kind of number.</summary>
    [Theory]
    [InlineData(1, 1)]
    [InlineData(7, 100)]
    [InlineData(18, 127)]
    [InlineData(40, 127)]
    [InlineData(90, 127)]
    [InlineData(90, int.MaxValue)]
    public void Layers_larger_than_a_panel_are_exact(int valueBits, int largestWeight)
    {
        var random = new Random(valueBits);
        var shape = new Shape(70, 13, 12);
        var layers = new List<Layer>();
        var network = new IntegerNetwork(new InputDescription(shape, -1, 1, 1), layers, 1);
        // Widen the input without losing it.
        layers.Add(new LinearLayer(
            "widen", 0, shape, Window.Pointwise(13, 12), 70, [.. Enumerable.Repeat(1, 70)],
            [.. Enumerable.Range(0, 70).Select(_ => Random(random, valueBits))]));
        foreach ((int groups, int outputs, var window) in new[]
        {
            (1, 5, new Window(3, 3, 1, 1, 1, 1, 1, 1, 13, 12)),
            (1, 3, new Window(3, 2, 2, 3, 2, 1, 0, 1, 5, 5)),
            (70, 70, new Window(5, 5, 1, 1, 1, 1, 2, 2, 13, 12)),
            (2, 6, Window.Pointwise(13, 12)),
            (1, 7, Window.Whole(13, 12)),
        })
        {
            int count = outputs * (70 / groups) * window.Taps;
            int[] weights = [.. Enumerable.Range(0, count).Select(_ => random.Next(3) == 0 ? 0
                : (int)random.NextInt64(-largestWeight, largestWeight + 1L))];
            layers.Add(new LinearLayer(
                "linear", 1, new Shape(outputs, window.OutputHeight, window.OutputWidth), window, groups, weights,
                [.. Enumerable.Range(0, outputs).Select(_ => Random(random, valueBits))])
            {
                Padding = window.PadTop == 2
                    ? [.. Enumerable.Range(0, outputs * window.Taps).Select(_ => Random(random, valueBits))]
                    : [],
            });
            AssertExact(network, [.. Enumerable.Range(0, 3).Select(_ => RandomNetworks.Input(network, random))]);
            layers.RemoveAt(1);
        }
    }

    private static BigInteger Random(Random random, int bits) =>
        (BigInteger)random.Next(-1000, 1000) * (BigInteger.One << bits) / 1000;

    /// <summary>A fully connected layer on constants.</summary>
    private static void AssertExact(BigInteger[] constants, int[,] weights)
    {
        int outputs = weights.GetLength(0);
        AssertExact(Constants(
            constants,
            [
                new LinearLayer(
                    "linear", 1, new Shape(outputs, 1, 1), Window.Whole(1, 1), 1, [.. weights.Cast<int>()],
                    new BigInteger[outputs]),
            ]));
    }

    private static void AssertExact(IntegerNetwork network, params int[][] inputs)
    {
        inputs = inputs.Length > 0 ? inputs : [new int[network.Input.Shape.Size]];
        BigInteger[][] logits = new PlainEvaluator(network).Evaluate(inputs);
        for (int i = 0; i < inputs.Length; i++)
        {
            Assert.Equal(NaiveEvaluator.Values(network, inputs[i])[^1], logits[i]);
        }
    }

    private static IntegerNetwork Constants(BigInteger[] values, IReadOnlyList<Layer> layers)
    {
        var shape = new Shape(values.Length, 1, 1);
        LinearLayer constants = new(
            "constants", 0, shape, Window.Pointwise(1, 1), values.Length, new int[values.Length], values);
        return new IntegerNetwork(new InputDescription(shape, 0, 1, 1), [constants, .. layers], 1);
    }
}
