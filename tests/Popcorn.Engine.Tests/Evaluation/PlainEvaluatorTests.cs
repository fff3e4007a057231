using System.Numerics;
using Popcorn.Engine.Evaluation;
using Popcorn.Engine.Model;
using Popcorn.Engine.Tests.Model;

namespace Popcorn.Engine.Tests.Evaluation;

public class PlainEvaluatorTests
{
    [Fact]
    public void Agrees_with_the_definition_on_random_networks()
    {
        Seeds.Check(
            seed =>
            {
                var random = new Random(seed);
                IntegerNetwork network = RandomNetworks.Create(seed);
                int[] input = RandomNetworks.Input(network, random);
                Assert.Equal(NaiveEvaluator.Values(network, input)[^1], new PlainEvaluator(network).Run(input));
            },
            300);
    }

    /// <summary>Tiles of every size: vectors, what is left of them, single images.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(65)]
    [InlineData(203)]
    public void Many_images_give_what_each_gives_alone(int count)
    {
        var random = new Random(count);
        for (int seed = 0; seed < 10; seed++)
        {
            IntegerNetwork network = RandomNetworks.Create(seed);
            var evaluator = new PlainEvaluator(network);
            int[][] inputs = [.. Enumerable.Range(0, count).Select(_ => RandomNetworks.Input(network, random))];
            BigInteger[][] logits = evaluator.Evaluate(inputs);
            for (int i = 0; i < count; i++)
            {
                Assert.Equal(evaluator.Run(inputs[i]), logits[i]);
            }
        }
    }

    /// <summary>Squares of squares climb through int, long, Int128 and BigInteger, to both ends of the range.</summary>
    [Theory]
    [InlineData(-255)]
    [InlineData(255)]
    [InlineData(1)]
    public void Every_width_is_exact(int value)
    {
        Layer[] layers = [.. Enumerable.Range(0, 6).Select(i => new SquareLayer($"{i}", i, new Shape(1, 1, 1)))];
        var network = new IntegerNetwork(new InputDescription(new Shape(1, 1, 1), -255, 255, 1), layers, 1);
        Assert.Equal([BigInteger.Pow(value, 64)], new PlainEvaluator(network).Run([value]));
    }

    /// <summary>The last value that fits and the first that does not: int, long and Int128, either sign.</summary>
    [Theory]
    [InlineData(31)]
    [InlineData(63)]
    [InlineData(127)]
    public void Nothing_wraps_at_the_edge_of_a_width(int bits)
    {
        var shape = new Shape(1, 1, 1);
        foreach (int sign in new[] { -1, 1 })
        {
            foreach (int beyond in new[] { -1, 0, 1 })
            {
                BigInteger bias = sign * ((BigInteger.One << bits) + beyond - 1);
                LinearLayer linear = new("l", 0, shape, Window.Pointwise(1, 1), 1, [sign], [bias]);
                var network = new IntegerNetwork(
                    new InputDescription(shape, 0, 1, 1), [linear, new ReluLayer("r", 1, shape)], 1);
                BigInteger expected = BigInteger.Max(bias + sign, 0);
                Assert.Equal([expected], new PlainEvaluator(network).Run([1]));
            }
        }
    }

    [Fact]
    public void Input_of_wrong_length_or_range_is_refused()
    {
        IntegerNetwork network = RandomNetworks.Create(1);
        var evaluator = new PlainEvaluator(network);
        int[] input = [.. Enumerable.Repeat(network.Input.Minimum, network.Input.Shape.Size)];
        Assert.Throws<PopcornException>(() => evaluator.Run(input.AsSpan(1)));
        input[^1] = network.Input.Maximum + 1;
        Assert.Contains("outside", Assert.Throws<PopcornException>(() => evaluator.Run(input)).Message);
        Assert.Throws<PopcornException>(() => evaluator.Evaluate([input]));
    }

    [Fact]
    public void Evaluation_can_be_cancelled()
    {
        IntegerNetwork network = RandomNetworks.Create(2);
        int[] input = RandomNetworks.Input(network, new Random(2));
        Assert.ThrowsAny<OperationCanceledException>(
            () => new PlainEvaluator(network).Evaluate([input], null, new CancellationToken(canceled: true)));
    }

    [Fact]
    public void The_first_of_equal_logits_is_the_label() =>
        Assert.Equal(1, PlainEvaluator.Label([-3, 5, 5, 4]));
}
