using System.Collections.Concurrent;
using Popcorn.Engine.Evaluation;
using Popcorn.Engine.Families;
using Popcorn.Engine.Model;
using Popcorn.Engine.Protocols;
using Popcorn.Engine.Sessions;
using Popcorn.Engine.Shares;

namespace Popcorn.Engine.Tests.Sessions;

/// <summary>
/// What a server has run before its first client comes. Times are not compared, which depend on the machine: what has
/// run is compiled.
/// </summary>
public sealed class SelfTestTests
{
    [Fact]
    public async Task Every_family_has_run_each_of_its_phases_more_than_once()
    {
        var reports = new ConcurrentQueue<QueryReport>();
        await SelfTest.RunAsync(reports.Enqueue, default);
        foreach (Family family in FamilyRegistry.All)
        {
            using ServerModel model = family.Compile(SelfTest.Network, PublicNetwork.From(SelfTest.Network));
            bool prepares = model.PlanFor(TestKeys.Bits).HasOfflineSteps;
            QueryReport[] own = [.. reports.Where(report => report.Model == family.Name)];
            Assert.InRange(own.Length, 2, 1000);
            Assert.All(own, report => Assert.True(report.Use.Online.BytesUp > 0));
            Assert.All(own, report => Assert.Equal(prepares, report.Use.Prepare is { BytesUp: > 0 }));
        }

        Assert.Equal(FamilyRegistry.All.Count, reports.Select(report => report.Model).Distinct().Count());
    }

    /// <summary>
    /// Numbers of 32 and of 64 bits have each code of their own, for convolutions, and for matrices by the bytes of a
    /// weight.
    /// </summary>
    [Fact]
    public void Layers_on_shares_are_computed_in_all_ways()
    {
        IntegerNetwork network = SelfTest.Network;
        PublicNetwork description = PublicNetwork.From(network);
        using var model = new SharesServerModel(network, description);
        var rings = new Rings(description, SharesTerms.Decode(description, model.Terms));
        var ways = new HashSet<(bool IsNarrow, int Bytes)>();
        foreach ((Layer layer, int i) in network.Layers.Select((layer, i) => (layer, i)))
        {
            if (layer is LinearLayer linear)
            {
                bool isNarrow = rings.FormOf(i + 1).Ring <= 32;
                bool isMatrix = isNarrow ? RingProduct<int>.Suits(linear) : RingProduct<long>.Suits(linear);
                bool isShort = linear.Weights.Any(weight => weight is < sbyte.MinValue or > sbyte.MaxValue);
                ways.Add((isNarrow, !isMatrix ? 0 : isShort ? 2 : 1));
            }
        }

        Assert.Equal(6, ways.Count);
    }
}
