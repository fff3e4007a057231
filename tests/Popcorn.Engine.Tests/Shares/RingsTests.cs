using System.Numerics;
using Popcorn.Engine.Model;
using Popcorn.Engine.Shares;
using Popcorn.Engine.Tests.Model;
using Popcorn.Interop;
using Builder = Popcorn.Engine.Tests.SampleNetworks.Builder;

namespace Popcorn.Engine.Tests.Shares;

/// <summary>In which rings values are shared, and where e may stand.</summary>
public class RingsTests
{
    /// <summary>A convolution of 12 bits that a sum takes three times: 4500 must not come out as 404.</summary>
    [Fact]
    public void A_value_has_the_ring_of_its_readers_through_local_layers()
    {
        (Rings rings, PublicNetwork network) = Of(From(4).Conv(2, 1, 1, 0, limit: 31).Add(1, 300, 0)
            .Concat(1).MaxPool(2, 1, 0, ceil: false, withZero: false).Dense(2, limit: 100));
        int[] all = [.. Enumerable.Range(0, 6).Select(value => rings.FormOf(value).Ring)];
        Assert.True(all[5] > network.BoundBitsOf(5));
        Assert.All(all[1..5], ring => Assert.True(ring >= all[5], $"{ring} bits are fewer than {all[5]}."));
        Assert.True(all[0] >= all[1]);
    }

    [Fact]
    public void A_guard_covers_e_through_sums_and_is_the_same_for_all_that_are_joined()
    {
        // 3·(2^g·x + e) − 5·(2^g·y + e') leaves an e of 8 at most; what is added to that is exact, and lifted.
        (Rings rings, _) = Of(From(4).Conv(2, 3, 1, 1, limit: 7).Relu().Conv(2, 3, 1, 1, limit: 7)
            .Conv(2, 1, 1, 0, limit: 7).Add(0, 3, -5).Add(2, 1, 1).Relu().Dense(2));
        Assert.Equal((0, 0), (rings.FormOf(3).Guard, rings.FormOf(3).Excess)); // a second convolution reads it
        Assert.Equal([1, 8, 8], Enumerable.Range(4, 3).Select(value => rings.FormOf(value).Excess));
        Assert.All(Enumerable.Range(4, 3), value => Assert.Equal(4, rings.FormOf(value).Guard));
        Assert.Equal(0, rings.FormOf(7).Guard); // a comparison ends it

        // A pool of nine, then −2·x + x: 27, and the same guard from the convolution on.
        (rings, _) = Of(From(4).Conv(2, 3, 1, 1, limit: 7).Concat(0).MaxPool(2, 1, 0, false, false).AveragePool(3)
            .Add(0, -2, 1).Relu());
        Assert.Equal([1, 1, 1, 9, 27], Enumerable.Range(1, 5).Select(value => rings.FormOf(value).Excess));
        Assert.All(Enumerable.Range(1, 5), value => Assert.Equal(5, rings.FormOf(value).Guard));
    }

    /// <summary>max(7, −7) needs more than four bits: what is compared is the difference.</summary>
    [Fact]
    public void A_maximum_has_room_for_a_difference()
    {
        (Rings rings, _) = Of(new Builder(new Random(1), new Shape(1, 2, 2), -7, 7).MaxPool(2, 1, 0, false, false));
        Assert.True(rings.ComparedBits(0) >= 5);
        Assert.True(rings.FormOf(0).Ring >= 5);
    }

    [Theory]
    [InlineData("square")]
    [InlineData("linear")]
    [InlineData("output")]
    [InlineData("through a pool")]
    public void What_is_multiplied_or_leaves_the_network_has_no_e(string reader)
    {
        Builder builder = From(4).Conv(2, 3, 1, 1, limit: 7);
        builder = reader switch
        {
            "square" => builder.Square(),
            "linear" => builder.Dense(2),
            "through a pool" => builder.MaxPool(2, 1, 0, false, false).Concat(1).AveragePool(2).Dense(2),
            _ => builder,
        };
        (Rings rings, _) = Of(builder);
        Assert.Equal((0, 0), (rings.FormOf(1).Guard, rings.FormOf(1).Excess));
        Assert.True(rings.MasksExactly(0));
        (rings, _) = Of(From(4).Conv(2, 3, 1, 1, limit: 7).Relu().Dense(2));
        Assert.False(rings.MasksExactly(0));
        Assert.Equal((1, 1), (rings.FormOf(1).Guard, rings.FormOf(1).Excess));
    }

    [Fact]
    public void A_product_of_a_sum_of_convolutions_takes_the_sums_e_off_itself()
    {
        (Rings rings, PublicNetwork network) = Of(Sum().Conv(3, 1, 1, 0, groups: 3, limit: 7).Relu().Dense(2));
        Assert.True(rings.MakesExact(3));
        Assert.Equal((true, false), (rings.MasksExactly(0), rings.MasksExactly(1))); // the second reads the first
        Assert.True(rings.Compares(3) && rings.HasFreshInputs(3));
        Assert.Equal(network.BoundBitsOf(3) + 2, rings.ComparedBits(3));
        Assert.True(rings.FormOf(3).Guard > 0 && rings.FormOf(3).Ring >= rings.ComparedBits(3));

        // Not of a sum of what is exact for others: the second reads the first, and leaves the network.
        (rings, _) = Of(Sum().Conv(3, 1, 1, 0, limit: 7).Add(2, 1, 1));
        Assert.Equal((true, true), (rings.MasksExactly(0), rings.MasksExactly(1)));
        Assert.Equal((0, false), (rings.FormOf(3).Excess, rings.MakesExact(3)));

        // Not of a sum that leaves the network too, so that it is exact, nor of pointwise products, for which exact
        // masks are as cheap.
        (rings, _) = Of(Sum().Conv(3, 1, 1, 0, limit: 7).Add(1, 1, 1));
        Assert.False(rings.MakesExact(3));
        (rings, _) = Of(From(5).Conv(3, 1, 1, 0, limit: 7).Conv(3, 1, 1, 0, limit: 7).Add(1, 3, -5)
            .Conv(3, 3, 1, 1, limit: 7).Relu().Dense(2));
        Assert.False(rings.MakesExact(3));
        Assert.True(rings.MasksExactly(1));

        static Builder Sum() => From(5).Conv(3, 3, 1, 1, limit: 7).Conv(3, 3, 1, 1, limit: 7).Add(1, -3, 5);
    }

    [Fact]
    public void A_shift_takes_over_what_it_alone_reads()
    {
        (Rings rings, _) = Of(From(6).Conv(2, 3, 1, 1).Relu().Shift(3, 0).Conv(2, 3, 1, 1).Relu().Shift(3, 4)
            .Conv(2, 3, 1, 1).Clip(999).Shift(3, 0).Conv(2, 3, 1, 1).Clip(999).Shift(3, 4)
            .MaxPool(2, 2, 0, false, true).Shift(2, 3).Dense(2).Relu());
        Assert.True(rings.IsLeftToShift(1) && rings.TakesOver(2, LayerKind.Relu) && rings.ShiftIsRelu(2));
        Assert.True(rings.IsLeftToShift(4) && rings.ShiftIsRelu(5));
        Assert.True(rings.IsLeftToShift(7) && rings.TakesOver(8, LayerKind.Clip));
        Assert.False(rings.IsLeftToShift(10)); // the shift has a saturation of its own
        Assert.True(rings.IsLeftToShift(12) && rings.TakesOver(13, LayerKind.MaxPoolRelu));
        Assert.False(rings.IsLeftToShift(15)); // nothing reads it
        (rings, _) = Of(From(4).Conv(2, 3, 1, 1).Relu().Shift(3, 0).Concat(1).Dense(2));
        Assert.False(rings.IsLeftToShift(1)); // another reads it
    }

    [Fact]
    public void Forms_of_random_networks_hold_what_they_must() => Seeds.Check(seed =>
    {
        IntegerNetwork network = RandomNetworks.Create(seed, small: true);
        Rings rings;
        PublicNetwork description;
        try
        {
            (rings, description) = Of(network);
        }
        catch (PopcornException)
        {
            return;
        }

        Bounds bounds = Bounds.Of(network);
        for (int i = 0; i < network.Layers.Count; i++)
        {
            SharedForm made = rings.FormOf(i + 1);
            Assert.True(made.Excess < 1L << made.Guard);
            Assert.True(made.Bits <= Rings.MostBits);
            Interval hull = bounds.Hull(i + 1);
            Assert.True(hull.MagnitudeBits < made.Ring || rings.IsLeftToShift(i));
            Layer layer = network.Layers[i];
            bool multiplies = layer is SquareLayer || (layer is LinearLayer && !rings.IsLocal(i));
            foreach (SharedForm read in layer.Inputs.Select(rings.FormOf))
            {
                Assert.True(rings.MakesExact(i)
                    ? read.Excess > 0 && read.Ring >= rings.ComparedBits(i)
                    : !multiplies || (read.Excess == 0 && read.Ring >= made.Ring));
                Assert.True(!rings.IsLocal(i) || read.Ring >= made.Ring);
                Assert.True(!rings.IsLocal(i) || read.Excess == 0 || read.Guard == made.Guard || made.Excess == 0);
            }

            if (layer is MaxPoolLayer && !rings.IsOr(i))
            {
                Interval players = bounds.Hull(layer.Input);
                Assert.True(players.High - players.Low < BigInteger.One << (rings.ComparedBits(i) - 1));
            }
        }

        Assert.Equal((0, 0), (rings.FormOf(network.Layers.Count).Guard, rings.FormOf(network.Layers.Count).Excess));
        Assert.NotNull(description);
    });

    /// <summary>A hostile server may describe any network and say anything of its layers.</summary>
    [Fact]
    public void Whatever_a_server_says_of_a_network_is_planned_or_refused() => Seeds.Check(
        seed =>
        {
            var random = new Random(seed);
            PublicNetwork network = PublicNetwork.From(RandomNetworks.Create(seed, small: true));
            PublicLayer[] layers =
            [
                .. network.Layers.Select(layer => random.Next(2) == 0
                    ? layer
                    : layer with { BoundBits = random.Next(1, random.Next(2) == 0 ? 20 : 80) }),
            ];
            var claimed = new PublicNetwork(network.Input, layers);
            LayerTerms[] terms =
            [
                .. layers.Select(layer => layer.Kind switch
                {
                    LayerKind.Linear when layer.Groups == layer.Output.Channels && random.Next(2) == 0
                        && claimed.ShapeOf(layer.Input).Channels == layer.Groups => new PoolTerms(),
                    LayerKind.Linear => new PackedTerms(random.Next(0, 30), random.Next(0, 40)),
                    LayerKind.Add => new SumTerms(Factors(layer), Factors(layer)),
                    _ => (LayerTerms)NoTerms.Instance,
                }),
            ];
            Assert.Equal(SharesTerms.Encode(terms), SharesTerms.Encode(SharesTerms.Decode(
                claimed, SharesTerms.Encode(terms))));
            try
            {
                SharesPlan plan = SharesPlan.Create(claimed, terms, 768, KeyOrder.Full, random.Next(1, 4));
                Assert.True(plan.Cost.BytesUp > 0);
            }
            catch (PopcornException e)
            {
                Assert.DoesNotContain('\n', e.Message);
            }

            int[] Factors(PublicLayer layer) =>
            [
                .. Enumerable.Range(0, layer.Output.Channels).Select(_ => random.Next(4) == 0
                    ? random.Next(int.MinValue, int.MaxValue)
                    : random.Next(-3, 4)),
            ];
        },
        count: 200);

    [Fact]
    public void Terms_that_are_none_are_refused() => Seeds.Check(
        seed =>
        {
            var random = new Random(seed);
            PublicNetwork network = PublicNetwork.From(RandomNetworks.Create(seed, small: true));
            var bytes = new byte[random.Next(0, 40)];
            random.NextBytes(bytes);
            try
            {
                Assert.Equal(network.Layers.Count, SharesTerms.Decode(network, bytes).Length);
            }
            catch (PopcornException e)
            {
                Assert.DoesNotContain('\n', e.Message);
            }
        },
        count: 200);

    private static Builder From(int size) => new(new Random(1), new Shape(2, size, size));

    private static (Rings Rings, PublicNetwork Network) Of(Builder builder) => Of(builder.Build());

    private static (Rings Rings, PublicNetwork Network) Of(IntegerNetwork network)
    {
        PublicNetwork description = PublicNetwork.From(network);
        using var model = new SharesServerModel(network, description);
        return (new Rings(description, SharesTerms.Decode(description, model.Terms)), description);
    }
}
