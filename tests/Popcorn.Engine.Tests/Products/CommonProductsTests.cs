using Popcorn.Engine.Products;

namespace Popcorn.Engine.Tests.Products;

public class CommonProductsTests
{
    [Theory]
    [InlineData(20, 30, 0.5, 2, 1000)]
    [InlineData(64, 100, 0.3, 2, 1000)]
    [InlineData(64, 100, 0.3, 4, 1000)]
    [InlineData(64, 100, 0.5, 2, 7)]
    [InlineData(40, 5000, 0.01, 2, 100000)] // more values than are looked at together
    [InlineData(1, 50, 0.5, 2, 1000)]
    [InlineData(10, 1, 0.5, 2, 1000)]
    public void Sums_keep_their_values(int sums, int values, double density, int leastUses, int most)
    {
        var random = new Random(values);
        List<int>[] original = [.. Enumerable.Range(0, sums).Select(_ =>
            Enumerable.Range(0, values).Where(_ => random.NextDouble() < density).ToList())];
        List<int>[] rewritten = [.. original.Select(sum => sum.ToList())];
        List<(int Left, int Right)> products = CommonProducts.Extract(rewritten, values, leastUses, most);

        Assert.InRange(products.Count, 0, most);
        for (int i = 0; i < products.Count; i++)
        {
            Assert.InRange(products[i].Left, 0, values + i - 1);
            Assert.InRange(products[i].Right, 0, values + i - 1);
        }

        for (int s = 0; s < sums; s++)
        {
            Assert.Equal(original[s], rewritten[s].SelectMany(Expand).Order());
        }

        // Each product takes the place of two factors in as many sums as it has to.
        Assert.True(Cost(rewritten) <= Cost(original) - leastUses * products.Count);

        IEnumerable<int> Expand(int value) => value < values
            ? [value]
            : Expand(products[value - values].Left).Concat(Expand(products[value - values].Right));

        static int Cost(List<int>[] all) => all.Sum(sum => sum.Count);
    }

    [Fact]
    public void What_all_share_is_computed_once()
    {
        // abc in all sums, de in two, f in one.
        List<int>[] sums = [[0, 1, 2, 3, 4], [0, 1, 2, 3, 4, 5], [0, 1, 2]];
        List<(int Left, int Right)> products = CommonProducts.Extract(sums, 6, 2, 100);
        Assert.Equal(4, products.Count); // three, and one of all five
        Assert.Equal([1, 2, 1], sums.Select(sum => sum.Count));
    }

    [Fact]
    public void Dense_binary_rows_share_much()
    {
        var random = new Random(4);
        List<int>[] sums = [.. Enumerable.Range(0, 64).Select(_ =>
            Enumerable.Range(0, 256).Where(_ => random.Next(2) == 0).ToList())];
        int weights = sums.Sum(sum => sum.Count);
        List<(int Left, int Right)> products = CommonProducts.Extract(sums, 256, 2, 10000);
        Assert.InRange(products.Count + sums.Sum(sum => sum.Count - 1), 0, 0.37 * weights);
    }
}
