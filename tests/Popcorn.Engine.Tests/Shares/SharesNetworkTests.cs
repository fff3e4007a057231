using System.Numerics;
using Popcorn.Engine.Evaluation;
using Popcorn.Engine.Model;
using Popcorn.Engine.Sessions;
using Popcorn.Engine.Shares;
using Popcorn.Engine.Tests.Model;
using Popcorn.Interop;
using Popcorn.Tests;
using Builder = Popcorn.Engine.Tests.SampleNetworks.Builder;

namespace Popcorn.Engine.Tests.Shares;

/// <summary>Whole networks in shares: logits are those of the integer network, bit for bit.</summary>
public class SharesNetworkTests
{
    public static TheoryData<string, Func<Random, IntegerNetwork>> Networks => new()
    {
        { "linear after linear", r => From(r, 2, 6).Conv(3, 3, 1, 1, limit: 7).Conv(2, 3, 2, 0, limit: 7)
            .Dense(4, limit: 7).Dense(3, limit: 7).Build() },
        { "adds with different factors", r => From(r, 2, 5).Conv(3, 3, 1, 1, limit: 7).Conv(3, 3, 1, 1, limit: 7)
            .Add(1, -3, 5).Shift(6, 4).Conv(3, 1, 1, 0, limit: 7).Add(2, 1, -7).Shift(3, 0).Dense(3).Build() },
        { "a value added to itself", r => From(r, 2, 5).Conv(3, 3, 1, 1, limit: 7).Add(0, -2, 3).Relu()
            .Add(0, 5, -4).Dense(3, limit: 7).Build() },
        { "a value with many readers", r => From(r, 2, 5).Conv(3, 3, 1, 1, limit: 7).Relu().Conv(3, 3, 1, 1, limit: 7)
            .Add(2, -1, 2).Add(2, 3, -2).Concat(4).Shift(4, 5).Concat(1).Dense(3, limit: 7).Build() },
        { "a product of a sum of convolutions", r => From(r, 2, 5).Conv(3, 3, 1, 1, limit: 7)
            .Conv(3, 3, 1, 1, limit: 7).Add(1, -3, 5).Conv(3, 1, 1, 0, groups: 3, limit: 7).Relu()
            .Dense(3, limit: 7).Build() },
        { "products of one sum, and its logits", r => From(r, 2, 4).Conv(2, 3, 1, 1, limit: 7)
            .Conv(2, 3, 1, 1, limit: 7).Add(1, 2, 5).Conv(2, 1, 1, 0, limit: 7).Add(3, 1, -1)
            .Conv(2, 3, 1, 1, limit: 7).Add(3, 1, 1).Build() },
        { "a product of a sum of what is exact for others", r => From(r, 2, 4).Conv(3, 3, 1, 1, limit: 7)
            .Conv(3, 3, 1, 1, limit: 7).Add(1, -3, 5).Conv(3, 1, 1, 0, limit: 7).Add(2, 1, 1).Build() },
        { "a product of a pool of a sum", r => From(r, 2, 6).Conv(3, 3, 1, 1, limit: 7)
            .Conv(3, 3, 1, 1, limit: 7).Add(1, -1, 1).AveragePool(6).Dense(3, limit: 7).Dense(2, limit: 7).Build() },
        { "a pool before its shift", r => From(r, 2, 7).Conv(3, 3, 1, 1, limit: 7)
            .MaxPool(3, 2, 1, ceil: false, withZero: true).Shift(4, 4).Dense(3).Build() },
        { "a pool before a shift of signed numbers", r => From(r, 2, 7).Conv(3, 3, 1, 1, limit: 7)
            .MaxPool(2, 2, 0, ceil: true, withZero: false).Shift(4, 0).Dense(3).Build() },
        { "a pool after its shift", r => From(r, 2, 7).Conv(3, 3, 1, 1, limit: 7).Shift(4, 4)
            .MaxPool(3, 2, 1, ceil: false, withZero: false).Conv(2, 2, 1, 0, limit: 7).Shift(3, 3).Dense(3).Build() },
        { "a pool behind which zero plays", r => From(r, 2, 7).Conv(3, 3, 1, 1, limit: 7)
            .MaxPool(2, 2, 0, ceil: true, withZero: true).Dense(3, limit: 7).Build() },
        { "pools of pools", r => From(r, 1, 8).Conv(2, 3, 1, 1, limit: 7)
            .MaxPool(2, 1, 0, ceil: false, withZero: false).Concat(0)
            .MaxPool(2, 2, 0, ceil: true, withZero: false).Dense(3, limit: 7).Build() },
        { "a pool of bits", r => From(r, 1, 8).Conv(2, 3, 1, 1).Sign().MaxPool(3, 2, 1, ceil: false, withZero: true)
            .Dense(3).Build() },
        { "clips and shifts", r => From(r, 2, 5).Conv(4, 3, 1, 1, groups: 2, limit: 7).Clip(1001).Shift(3, 0)
            .Conv(3, 2, 2, 0, limit: 7).Clip(4000).Shift(2, 6).Dense(3).Build() },
        { "ReLUs before shifts", r => From(r, 2, 5).Conv(3, 3, 1, 1, limit: 7).Relu().Shift(5, 0)
            .Conv(2, 3, 1, 0, limit: 7).Relu().Shift(2, 4).Dense(3).Build() },
        { "a square after a convolution", r => From(r, 1, 5, maximum: 15).Conv(2, 3, 1, 1, limit: 7).Square()
            .Dense(4, limit: 7).Build() },
        { "a global pool", r => From(r, 2, 6).Conv(3, 3, 1, 1, limit: 7).Shift(4, 4).AveragePool(6).Dense(3).Build() },
        { "a global pool at the end", r => From(r, 2, 6).Conv(3, 3, 1, 1, limit: 7).AveragePool(6).Build() },
        { "a pool under a pool", r => From(r, 2, 6).Conv(3, 3, 1, 1, limit: 7).AveragePool(2).AveragePool(3).Relu()
            .Dense(2, limit: 7).Build() },
        { "padding of its own", r => From(r, 2, 5).Conv(3, 3, 1, 1, limit: 7, padding: true).Sign()
            .Conv(2, 3, 2, 1, limit: 7, padding: true).Dense(3, limit: 7).Build() },
        { "rescaled", r => From(r, 2, 4).Conv(4, 3, 1, 1).Relu().Dense(5).Rescale(7).Dense(2, limit: 7).Build() },
        { "nothing but a sum", r => From(r, 2, 3).Add(0, 1, -1).Build() },
        { "nothing but a pool", r => From(r, 2, 4).MaxPool(2, 1, 0, ceil: false, withZero: false).Build() },
        { "nothing but a ReLU", r => new Builder(r, new Shape(1, 4, 4), -128, 127).Relu().Build() },
        { "signs", SampleNetworks.Signs },
        { "shifted", SampleNetworks.Shifted },
    };

    [Theory]
    [MemberData(nameof(Networks))]
    public async Task Logits_are_the_integer_networks(string name, Func<Random, IntegerNetwork> make)
    {
        Assert.NotEmpty(name);
        IntegerNetwork network = make(new Random(9));
        using ServedModel model = FamilySession.Serve(network);
        await AssertLogits(model, new Random(10));
    }

    [Fact]
    public async Task Random_networks_of_all_kinds_have_the_integer_networks_logits()
    {
        int seeds = SharedData.SlowTests ? 2000 : 36, fit = 0;
        for (int seed = 0; seed < seeds; seed++)
        {
            IntegerNetwork network = RandomNetworks.Create(seed, small: true);
            ServedModel? model = null;
            try
            {
                model = FamilySession.Serve(network);
                model.PlanFor(TestKeys.Bits, images: 3);
            }
            catch (PopcornException)
            {
                model?.Dispose(); // too wide
                continue;
            }

            using (model)
            {
                fit++;
                await AssertLogits(model, new Random(seed));
            }
        }

        Assert.True(fit > seeds / 2, $"Only {fit} of {seeds} networks fit.");
    }

    /// <summary>Both kinds of keys: what is packed how depends on them.</summary>
    [Fact]
    public void Plans_under_short_order_keys_compute_the_same_layers()
    {
        for (int seed = 0; seed < 40; seed++)
        {
            IntegerNetwork network = RandomNetworks.Create(seed, small: true);
            try
            {
                using SharesServerModel model = FamilySession.Compile(network);
                SharesPlan full = model.PlanFor(2048), order = model.PlanFor(2048, 1, KeyOrder.Short);
                Assert.Equal(full.Steps.Count, order.Steps.Count);
                Assert.Equal(full.Transfers, order.Transfers);
                Assert.Equal(full.CotDemands, order.CotDemands);
            }
            catch (PopcornException e)
            {
                Assert.DoesNotContain('\n', e.Message);
            }
        }
    }

    private static Builder From(Random random, int channels, int size, int maximum = 255) =>
        new(random, new Shape(channels, size, size), 0, maximum);

    private static async Task AssertLogits(ServedModel model, Random random)
    {
        IntegerNetwork network = model.Network;
        var plain = new PlainEvaluator(network);
        int[][] images = [.. Enumerable.Range(0, 3).Select(_ => RandomNetworks.Input(network, random))];
        BigInteger[][] expected = [.. images.Select(image => plain.Run(image))];
        await FamilySession.RunAsync(model, async client =>
        {
            Assert.Equal(expected[0], (await client.InferAsync(images[0], null, default)).Logits);
            IReadOnlyList<InferenceResult> together =
                await client.InferAsync([.. images.Select(i => (ReadOnlyMemory<int>)i)], null, default);
            Assert.Equal(expected, together.Select(result => result.Logits));
        });
    }
}
