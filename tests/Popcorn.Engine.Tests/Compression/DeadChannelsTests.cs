using System.Numerics;
using Popcorn.Engine.Compression;
using Popcorn.Engine.Evaluation;
using Popcorn.Engine.Model;
using Popcorn.Engine.Tests.Model;

namespace Popcorn.Engine.Tests.Compression;

public class DeadChannelsTests
{
    /// <summary>Weights of whole channels are zero at random: some channels are constant, others unread.</summary>
    [Fact]
    public void The_function_stays_whatever_the_network()
    {
        int shrunk = 0;
        for (int seed = 0; seed < 1500; seed++)
        {
            var random = new Random(seed);
            IntegerNetwork network = Killed(RandomNetworks.Create(seed), random);
            IntegerNetwork alive = DeadChannels.Remove(network, out int removed);
            NetworkValidator.Validate(alive);
            shrunk += removed > 0 ? 1 : 0;
            Assert.Equal(removed > 0, SizeOf(alive) < SizeOf(network));
            var before = new PlainEvaluator(network);
            var after = new PlainEvaluator(alive);
            for (int i = 0; i < 3; i++)
            {
                int[] input = RandomNetworks.Input(network, random);
                Assert.Equal(before.Run(input), after.Run(input));
            }

            DeadChannels.Remove(alive, out int more);
            Assert.Equal(0, more);
        }

        Assert.InRange(shrunk, 150, 1500);
    }

    [Fact]
    public void A_constant_is_read_where_the_plane_is_and_not_beside_it()
    {
        var shape = new Shape(2, 4, 4);
        var pointwise = new LinearLayer(
            "constant", 0, shape, Window.Pointwise(4, 4), 1, [1, -2, 0, 0], [3, -5]);
        var padded = new LinearLayer(
            "padded", 1, new Shape(1, 4, 4), new Window(3, 3, 1, 1, 1, 1, 1, 1, 4, 4), 1,
            [.. Enumerable.Range(1, 18)], [7]);
        var input = new InputDescription(shape, 0, 9, 1);
        var network = new IntegerNetwork(input, [pointwise, padded], 1);
        IntegerNetwork alive = DeadChannels.Remove(network, out int removed);
        Assert.Equal(1, removed);
        Assert.Equal([1, -2], ((LinearLayer)alive.Layers[0]).Weights);
        Assert.Equal(Enumerable.Range(1, 9), ((LinearLayer)alive.Layers[1]).Weights);
        var random = new Random(1);
        int[] image = RandomNetworks.Input(network, random);
        Assert.Equal(new PlainEvaluator(network).Run(image), new PlainEvaluator(alive).Run(image));
    }

    /// <summary>
    /// A staircase compares each channel several times and sums: nobody wants the comparisons of unread sums.
    /// </summary>
    [Theory]
    [InlineData(3, 2)]
    [InlineData(3, 1)]
    [InlineData(4, 0)]
    public void Groups_go_whole(int channels, int read)
    {
        const int Steps = 5;
        var random = new Random(channels);
        var image = new Shape(2, 3, 3);
        Shape Plane(int count) => image with { Channels = count };
        LinearLayer Pointwise(string name, int input, int outputs, int groups, int weights) => new(
            name, input, Plane(outputs), Window.Pointwise(3, 3), groups,
            [.. Enumerable.Range(0, weights).Select(_ => random.Next(1, 9))],
            [.. Enumerable.Repeat(BigInteger.MinusOne, outputs)]);
        LinearLayer logits = Pointwise("logits", 4, 2, 1, 2 * channels);
        for (int i = 0; i < logits.Weights.Length; i++)
        {
            logits.Weights[i] = i % channels < read ? logits.Weights[i] : 0;
        }

        var network = new IntegerNetwork(
            new InputDescription(image, 0, 9, 1),
            [
                Pointwise("values", 0, channels, 1, 2 * channels),
                Pointwise("thresholds", 1, channels * Steps, channels, channels * Steps),
                new SignLayer("bits", 2, Plane(channels * Steps)),
                Pointwise("sums", 3, channels, channels, channels * Steps),
                logits,
            ],
            1);
        IntegerNetwork alive = DeadChannels.Remove(network, out int _);
        NetworkValidator.Validate(alive);
        int left = Math.Max(read, 1);
        Assert.Equal([left, left * Steps, left * Steps, left, 2], alive.Layers.Select(layer => layer.Output.Channels));
        for (int i = 0; i < 10; i++)
        {
            int[] input = RandomNetworks.Input(network, random);
            Assert.Equal(new PlainEvaluator(network).Run(input), new PlainEvaluator(alive).Run(input));
        }
    }

    [Fact]
    public void A_network_without_dead_channels_is_returned_as_it_is()
    {
        IntegerNetwork network = SampleNetworks.ConvReluPoolDense(new Random(7));
        Assert.Same(network, DeadChannels.Remove(network, out int removed));
        Assert.Equal(0, removed);
    }

    private static int SizeOf(IntegerNetwork network) => network.Layers.Sum(layer => layer.Output.Channels);

    private static IntegerNetwork Killed(IntegerNetwork network, Random random) => network with
    {
        Layers = [.. network.Layers.Select(layer =>
        {
            if (layer is not LinearLayer linear)
            {
                return layer;
            }

            int[] weights = [.. linear.Weights];
            int each = linear.Window.Taps;
            int inputs = linear.WeightsPerOutput / each;
            bool[] deadInputs = [.. Enumerable.Range(0, inputs).Select(_ => random.Next(3) == 0)];
            bool[] deadOutputs = [.. Enumerable.Range(0, linear.Output.Channels).Select(_ => random.Next(4) == 0)];
            for (int i = 0; i < weights.Length; i++)
            {
                weights[i] = deadInputs[i / each % inputs] || deadOutputs[i / linear.WeightsPerOutput] ? 0 : weights[i];
            }

            BigInteger[] bias = random.Next(2) == 0
                ? linear.Bias : [.. linear.Bias.Select(b => b % 50)];
            return linear with { Weights = weights, Bias = bias };
        })],
    };
}
