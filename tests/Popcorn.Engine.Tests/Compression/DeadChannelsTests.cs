using System.Numerics;
using Popcorn.Engine.Compression;
using Popcorn.Engine.Evaluation;
using Popcorn.Engine.Model;
using Popcorn.Engine.Tests.Model;

namespace Popcorn.Engine.Tests.Compression;

public class DeadChannelsTests
{
    /// <summary>Layers of every kind and window, random output channels without weights, random ones that nobody reads.</summary>
    [Fact]
    public void LogitsStayBitForBit()
    {
        int removals = 0;
        Seeds.Check(
            seed =>
            {
                var random = new Random(seed);
                IntegerNetwork network = Plant(RandomNetworks.Create(seed), random);
                IntegerNetwork smaller = DeadChannels.Remove(network, out int removed);
                removals += removed > 0 ? 1 : 0;
                AssertSame(network, smaller, random);
                Assert.Same(smaller, DeadChannels.Remove(smaller, out int again));
                Assert.Equal(0, again);
            },
            300);
        Assert.True(removals > 30, $"channels of {removals} networks only");
    }

    /// <summary>One channel of the first layer is constant, not 0, and one is unread; the next layer is padded.</summary>
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void ConstantAndUnreadChannelsAreRemovedThroughAllLayersBetween(int pad)
    {
        var random = new Random(pad);
        IntegerNetwork network = Chain(random, pad);
        ((LinearLayer)network.Layers[0]).Weights.AsSpan(1 * 9, 9).Clear(); // channel 1 is its bias
        LinearLayer reader = (LinearLayer)network.Layers[3];
        for (int output = 0; output < 3; output++)
        {
            reader.Weights.AsSpan(output * reader.Fan + 2 * 9, 9).Clear(); // channel 2 is unread
        }

        IntegerNetwork smaller = DeadChannels.Remove(network, out int removed);
        Assert.Equal(2, removed);
        Assert.Equal([2, 2, 2, 3, 3, 5], smaller.Layers.Select(l => l.Output.Channels));
        Assert.Equal(pad > 0, ((LinearLayer)smaller.Layers[3]).Padding.Length > 0);
        AssertSame(network, smaller, random);
    }

    /// <summary>What is read by a channel that nobody reads is not read either.</summary>
    [Fact]
    public void UnreadChannelsTakeThoseBeforeThemAlong()
    {
        var random = new Random(1);
        IntegerNetwork network = Chain(random, 1);
        LinearLayer middle = (LinearLayer)network.Layers[3], last = (LinearLayer)network.Layers[5];
        for (int output = 1; output < 3; output++)
        {
            middle.Weights.AsSpan(output * middle.Fan, 9).Clear(); // channel 0 is read by output 0 only
        }

        for (int output = 0; output < 5; output++)
        {
            last.Weights.AsSpan(output * last.Fan, last.Window.Taps).Clear();
        }

        IntegerNetwork smaller = DeadChannels.Remove(network, out int removed);
        Assert.Equal(2, removed);
        Assert.Equal([3, 3, 3, 2, 2, 5], smaller.Layers.Select(l => l.Output.Channels));
        AssertSame(network, smaller, random);
    }

    /// <summary>A sum and its parts, joined values and depthwise filters lose a channel together or keep it.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void BranchesLoseChannelsTogether(bool unread)
    {
        var random = new Random(2);
        var plane = new Shape(3, 4, 4);
        LinearLayer Pointwise(string name, int input, Shape shape, int groups, int[] weights) => new(
            name, input, shape, Window.Pointwise(4, 4), groups, weights, [.. Numbers(random, shape.Channels).Select(w => (BigInteger)w)]);
        int[] lastWeights = Numbers(random, 2 * 6 * 16);
        for (int output = 0; output < 2 && unread; output++)
        {
            lastWeights.AsSpan((output * 6 + 1) * 16, 16).Clear(); // channel 1 of the sum
            lastWeights.AsSpan((output * 6 + 4) * 16, 16).Clear(); // channel 1 of the depthwise layer
        }

        var network = new IntegerNetwork(
            new InputDescription(new Shape(2, 4, 4), 0, 255, 1),
            [
                Pointwise("first", 0, plane, 1, Numbers(random, 6)),
                new ReluLayer("relu", 1, plane),
                Pointwise("depthwise", 2, plane, 3, Numbers(random, 3)),
                new AddLayer("sum", 2, 3, plane, [1, 2, 3], [4, 5, 6]),
                new ConcatLayer("both", 4, [3], plane with { Channels = 6 }),
                new LinearLayer("last", 5, new Shape(2, 1, 1), Window.Whole(4, 4), 1, lastWeights, new BigInteger[2]),
            ],
            1);
        IntegerNetwork smaller = DeadChannels.Remove(network, out int removed);
        Assert.Equal(unread ? 2 : 0, removed);
        Assert.Equal(unread ? [2, 2, 2, 2, 4, 2] : [3, 3, 3, 3, 6, 2], smaller.Layers.Select(l => l.Output.Channels));
        AssertSame(network, smaller, random);
    }

    [Fact]
    public void ANetworkWithoutDeadChannelsIsReturnedAsItIs()
    {
        IntegerNetwork network = Chain(new Random(1), 1);
        Assert.Same(network, DeadChannels.Remove(network, out int removed));
        Assert.Equal(0, removed);
    }

    /// <summary>Where nothing depends on the input, every layer keeps one channel.</summary>
    [Fact]
    public void ALayerIsNeverWithoutChannels()
    {
        IntegerNetwork network = Chain(new Random(1), 1);
        ((LinearLayer)network.Layers[5]).Weights.AsSpan().Clear();
        IntegerNetwork smaller = DeadChannels.Remove(network, out int _);
        Assert.Equal([4, 4, 4, 1, 1, 5], smaller.Layers.Select(l => l.Output.Channels));
        AssertSame(network, smaller, new Random(1));
    }

    /// <summary>Convolution to 4 channels, ReLU, max-pool, convolution to 3, square, 5 logits; no weight is 0.</summary>
    private static IntegerNetwork Chain(Random random, int pad)
    {
        var plane = new Shape(4, 6, 6);
        var pooled = new Shape(4, 3, 3);
        int side = 1 + 2 * pad;
        var middle = new Shape(3, side, side);
        return new IntegerNetwork(
            new InputDescription(new Shape(1, 6, 6), 0, 255, 1),
            [
                new LinearLayer(
                    "first", 0, plane, new Window(3, 3, 1, 1, 1, 1, 1, 1, 6, 6), 1, Numbers(random, 4 * 9), [1, 20, 3, 4]),
                new ReluLayer("relu", 1, plane),
                new MaxPoolLayer("pool", 2, pooled, new Window(2, 2, 2, 2, 1, 1, 0, 0, 3, 3), false),
                new LinearLayer(
                    "middle", 3, middle, new Window(3, 3, 1, 1, 1, 1, pad, pad, side, side), 1,
                    Numbers(random, 3 * 4 * 9), [5, 6, 7]),
                new SquareLayer("square", 4, middle),
                new LinearLayer(
                    "last", 5, new Shape(5, 1, 1), Window.Whole(side, side), 1, Numbers(random, 5 * 3 * side * side),
                    new BigInteger[5]),
            ],
            1);
    }

    private static int[] Numbers(Random random, int count) =>
        [.. Enumerable.Range(0, count).Select(_ => random.Next(1, 9) * (random.Next(2) * 2 - 1))];

    private static IntegerNetwork Plant(IntegerNetwork network, Random random) => network with
    {
        Layers = [.. network.Layers.Select(layer =>
        {
            if (layer is not LinearLayer linear)
            {
                return layer;
            }

            bool[] constant = Some(random, linear.Output.Channels);
            bool[] unread = Some(random, network.ShapeOf(layer.Input).Channels);
            return linear with
            {
                Weights = [.. linear.Weights.Select((weight, i) =>
                    constant[i / linear.Fan] || unread[linear.InputChannelOf(i)] ? 0 : weight)],
            };
        })],
    };

    private static bool[] Some(Random random, int count) =>
        [.. Enumerable.Range(0, count).Select(_ => random.Next(4) == 0)];

    private static void AssertSame(IntegerNetwork network, IntegerNetwork smaller, Random random)
    {
        NetworkValidator.Validate(smaller);
        Assert.Equal(network.Outputs, smaller.Outputs);
        var before = new PlainEvaluator(network);
        var after = new PlainEvaluator(smaller);
        for (int run = 0; run < 5; run++)
        {
            int[] input = RandomNetworks.Input(network, random);
            Assert.Equal(before.Run(input), after.Run(input));
        }
    }
}
