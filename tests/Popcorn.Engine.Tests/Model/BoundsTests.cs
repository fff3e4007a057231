using System.Numerics;
using Popcorn.Engine.Model;

namespace Popcorn.Engine.Tests.Model;

public class BoundsTests
{
    [Fact]
    public void Every_value_lies_within_its_bounds()
    {
        Seeds.Check(
            seed =>
            {
                var random = new Random(seed);
                IntegerNetwork network = RandomNetworks.Create(seed);
                Bounds bounds = Bounds.Of(network);
                var known = new PublicNetwork(network.Input, [.. network.Layers.Select(layer => layer.Describe(1))]);
                for (int run = 0; run < 4; run++)
                {
                    BigInteger[][] values = NaiveEvaluator.Values(network, RandomNetworks.Input(network, random));
                    for (int value = 0; value < values.Length; value++)
                    {
                        int area = network.ShapeOf(value).Area;
                        Assert.False(known.IsNeverNegative(value) && values[value].Any(x => x.Sign < 0));
                        for (int i = 0; i < values[value].Length; i++)
                        {
                            Interval interval = bounds[value][i / area];
                            Assert.InRange(values[value][i], interval.Low, interval.High);
                        }
                    }
                }
            },
            300);
    }

    /// <summary>A linear layer of the input takes its bounds where the input follows the weights' signs.</summary>
    [Fact]
    public void Bounds_of_a_dense_layer_are_attained()
    {
        var shape = new Shape(2, 2, 2);
        int[] weights = [3, -5, 0, 7, -1, 2, -2, 4];
        LinearLayer dense = new("d", 0, new Shape(1, 1, 1), Window.Whole(2, 2), 1, weights, [11]);
        var network = new IntegerNetwork(new InputDescription(shape, -3, 10, 1), [dense], 1);
        Interval interval = Bounds.Of(network)[1][0];
        BigInteger Value(bool high) =>
            NaiveEvaluator.Values(network, Array.ConvertAll(weights, w => (w > 0) == high ? 10 : -3))[^1][0];
        Assert.Equal(Value(high: true), interval.High);
        Assert.Equal(Value(high: false), interval.Low);
    }

    /// <summary>Where the input cannot be 0, a window at the border may miss a tap, one inside may not.</summary>
    [Fact]
    public void Padding_counts_as_zero_where_a_tap_can_miss()
    {
        var shape = new Shape(1, 1, 4);
        var input = new InputDescription(shape, 5, 9, 1);
        Interval Of(int pad, int outputs) => Bounds.Of(new IntegerNetwork(
            input,
            [
                new LinearLayer(
                    "c", 0, new Shape(1, 1, outputs), new(1, 2, 1, 1, 1, 1, 0, pad, 1, outputs), 1, [1, 1], [0]),
            ],
            1))[1][0];
        Assert.Equal(new Interval(10, 18), Of(pad: 0, outputs: 3));
        // The first tap misses at the left, the second never does.
        Assert.Equal(new Interval(5, 18), Of(pad: 1, outputs: 4));
    }

    [Theory]
    [InlineData(0, 0, 0)]
    [InlineData(0, 1, 1)]
    [InlineData(-1, 0, 1)]
    [InlineData(0, 255, 8)]
    [InlineData(-256, 255, 9)]
    [InlineData(-255, 3, 8)]
    public void Magnitude_bits_are_the_least_power_of_two_above(int low, int high, int bits) =>
        Assert.Equal(bits, new Interval(low, high).MagnitudeBits);

    [Theory]
    [InlineData(-3, 2, 0, 9)]
    [InlineData(2, 3, 4, 9)]
    [InlineData(-5, -4, 16, 25)]
    public void Squares_of_an_interval(int low, int high, int squareLow, int squareHigh) =>
        Assert.Equal(new Interval(squareLow, squareHigh), new Interval(low, high).Square());
}
