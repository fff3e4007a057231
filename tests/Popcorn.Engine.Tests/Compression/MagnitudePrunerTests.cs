using Popcorn.Engine.Compression;

namespace Popcorn.Engine.Tests.Compression;

public class MagnitudePrunerTests
{
    [Theory]
    [InlineData(0)]
    [InlineData(0.1)]
    [InlineData(0.5)]
    [InlineData(0.8)]
    [InlineData(0.99)]
    public void Exactly_the_wanted_share_is_zero(double sparsity)
    {
        double[][] layers = Layers();
        long zeros = MagnitudePruner.Prune(layers, sparsity);
        Assert.Equal((long)Math.Ceiling(sparsity * 1100), zeros);
        Assert.Equal(zeros, layers.Sum(l => l.Count(w => w == 0)));
    }

    [Fact]
    public void Within_a_layer_the_smallest_go()
    {
        double[][] layers = Layers();
        double[][] before = [.. layers.Select(l => l.ToArray())];
        MagnitudePruner.Prune(layers, 0.7);
        for (int i = 0; i < layers.Length; i++)
        {
            double smallestKept = layers[i].Where(w => w != 0).Min(Math.Abs);
            double largestPruned = before[i].Where((_, j) => layers[i][j] == 0).Max(Math.Abs);
            Assert.True(largestPruned <= smallestKept);
        }
    }

    [Fact]
    public void The_scale_of_a_layer_does_not_matter()
    {
        double[][] layers = Layers();
        double[][] scaled = [.. Layers().Select((l, i) => Array.ConvertAll(l, w => w * Math.Pow(10, 200 * i - 100)))];
        MagnitudePruner.Prune(layers, 0.6);
        MagnitudePruner.Prune(scaled, 0.6);
        Assert.Equal(layers.Select(l => l.Count(w => w == 0)), scaled.Select(l => l.Count(w => w == 0)));
    }

    [Fact]
    public void Zeros_that_are_there_count()
    {
        double[][] layers = [[0, 0, 0, 1, 2]];
        Assert.Equal(3, MagnitudePruner.Prune(layers, 0.6));
        Assert.Equal([0, 0, 0, 1, 2], layers[0]);
        Assert.Equal(4, MagnitudePruner.Prune(layers, 0.61));
        Assert.Equal([0, 0, 0, 0, 2], layers[0]);
    }

    [Theory]
    [InlineData(-0.1)]
    [InlineData(1)]
    public void Other_shares_do_not_exist(double sparsity) =>
        Assert.Throws<ArgumentOutOfRangeException>(() => MagnitudePruner.Prune([[1.0]], sparsity));

    private static double[][] Layers()
    {
        var random = new Random(1);
        double[] Layer(int size) => [.. Enumerable.Range(0, size).Select(_ => random.NextDouble() - 0.5)];
        return [Layer(100), Layer(1000)];
    }
}
