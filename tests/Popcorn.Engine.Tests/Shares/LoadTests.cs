using System.Numerics;
using Popcorn.Engine.Model;
using Popcorn.Engine.Shares;
using Popcorn.Engine.Tests.Model;
using Builder = Popcorn.Engine.Tests.SampleNetworks.Builder;

namespace Popcorn.Engine.Tests.Shares;

/// <summary>By how many bits sums of shares outgrow a share, and when a random sum's bound may be used.</summary>
public class LoadTests
{
    [Fact]
    public void A_sum_of_any_shares_is_below_its_bound() => Seeds.Check(seed =>
    {
        var random = new Random(seed);
        LinearLayer layer = Dense(random, random.Next(1, 200), random.Next(1, 4), 1 << random.Next(1, 24));
        int heaviest = LinearLoad.Of(layer, 20, areFresh: false).LoadBits;
        BigInteger[] sums = [.. layer.Weights.Chunk(layer.WeightsPerOutput)
            .Select(own => own.Aggregate(BigInteger.Zero, (sum, weight) => sum + Math.Abs(weight)))];
        BigInteger most = BigInteger.Max(sums.Max(), 1);
        Assert.True(BigInteger.One << heaviest <= most && most < BigInteger.One << (heaviest + 1));

        // A sum of centred shares, at worst −2^(k−1) each, is in a slot of k + 1 + load bits.
        Assert.True(most << 19 < BigInteger.One << (20 + heaviest));
        Assert.InRange(LinearLoad.Of(layer, 20, areFresh: true).LoadBits, 0, heaviest);
    });

    [Fact]
    public void A_random_sums_bound_is_narrower_and_holds()
    {
        var random = new Random(4);
        LinearLayer layer = Dense(random, 3000, 1, 7);
        int fresh = LinearLoad.Of(layer, 16, areFresh: true).LoadBits;
        Assert.InRange(fresh, 1, LinearLoad.Of(layer, 16, areFresh: false).LoadBits - 3);
        for (int run = 0; run < 200; run++)
        {
            long sum = layer.Weights.Sum(weight => (long)weight * random.Next(-(1 << 15), 1 << 15));
            Assert.True(Math.Abs(sum) < 1L << (16 + fresh));
        }
    }

    /// <summary>Shares have a mean of −1/2, which many weights of one sign add up.</summary>
    [Fact]
    public void Weights_of_one_sign_in_a_small_ring_count_in_full()
    {
        var layer = new LinearLayer(
            "", 0, new Shape(1, 1, 1), Window.Whole(1, 1), 1, [.. Enumerable.Repeat(1, 1 << 14)], new BigInteger[1]);
        int load = LinearLoad.Of(layer, 2, areFresh: true).LoadBits;
        Assert.True(1L << (load + 1) > (5.48 * (1 << 7)) + (1 << 12));
    }

    [Theory]
    [InlineData("one value", true)]
    [InlineData("two values joined", true)]
    [InlineData("a value joined with itself", false)]
    [InlineData("a sum", false)]
    [InlineData("an overlapping pool", false)]
    [InlineData("a maximum", false)]
    [InlineData("a linear layer", true)]
    public void A_random_sums_bound_is_for_shares_of_their_own(string what, bool isFresh)
    {
        Builder start = new Builder(new Random(1), new Shape(2, 4, 4)).Conv(2, 3, 1, 1, limit: 7).Relu();
        Builder builder = what switch
        {
            "one value" => start,
            "two values joined" => start.Concat(2),
            "a value joined with itself" => start.Concat(0),
            "a sum" => start.Add(0, 1, 1),
            "an overlapping pool" => start.AveragePool(2),
            "a maximum" => start.MaxPool(2, 1, 0, ceil: false, withZero: false),
            _ => start.Conv(2, 1, 1, 0, limit: 7),
        };
        IntegerNetwork network = builder.Dense(3, limit: 7).Build();
        PublicNetwork description = PublicNetwork.From(network);
        using var model = new SharesServerModel(network, description);
        var rings = new Rings(description, SharesTerms.Decode(description, model.Terms));
        Assert.Equal(isFresh, rings.HasFreshInputs(network.Layers.Count - 1));
    }

    /// <summary>More players than a comparison of bits has: refused by layer and reason.</summary>
    [Fact]
    public void A_pool_of_too_many_bits_is_refused_in_words()
    {
        IntegerNetwork network = new Builder(new Random(1), new Shape(1, 40, 40))
            .Sign().MaxPool(40, 1, 0, ceil: false, withZero: true).Dense(2).Build();
        var error = Assert.Throws<PopcornException>(() => FamilySession.Compile(network));
        Assert.Contains("Layer 2", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', error.Message);
    }

    private static LinearLayer Dense(Random random, int inputs, int outputs, int widest) => new(
        "", 0, new Shape(outputs, 1, 1), Window.Whole(1, 1), 1,
        [.. Enumerable.Range(0, inputs * outputs).Select(_ => random.Next(-widest, widest + 1))],
        new BigInteger[outputs]);
}
