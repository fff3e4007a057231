using Popcorn.ObliviousTransfer.Comparisons;
using Popcorn.ObliviousTransfer.Extension;
using Popcorn.ObliviousTransfer.Sessions;

namespace Popcorn.ObliviousTransfer.Tests.Sessions;

/// <summary>Comparisons on real transfers, from a connection's first message to the shares of the results.</summary>
public class PreparedComparisonTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_relu_of_every_pair_of_shares_of_eight_bits_is_exact(bool silent)
    {
        var plan = ComparisonPlan.Of(new Relu(8, 3, 6, SaturationBits: 2));
        (Transfers server, Transfers client) =
            Transcript.Connect(5, silent ? FerretParameters.Depth10 : null);
        using (server)
        using (client)
        {
            ulong[] a = [.. Enumerable.Range(0, 1 << 16).Select(i => (ulong)i & 255)];
            ulong[] b = [.. Enumerable.Range(0, 1 << 16).Select(i => (ulong)i >> 8)];
            ulong[] r = [.. Enumerable.Range(0, 1 << 16).Select(i => (ulong)(i * 40503 >> 4) & 63)];
            ulong[] sums = Run(server, client, plan, a, b, r);
            for (int i = 0; i < sums.Length; i++)
            {
                int x = (sbyte)(byte)(a[i] + b[i]);
                Assert.Equal((ulong)Math.Min(Math.Max(x, 0) >> 3, 3), sums[i]);
            }
        }
    }

    [Fact]
    public void Batch_after_batch_of_a_connection_gives_the_right_signs()
    {
        var plan = ComparisonPlan.Of(new Sign(13, 13));
        (Transfers server, Transfers client) = TwoParties.Connect();
        using (server)
        using (client)
        {
            var random = new Random(7);
            foreach (int items in new[] { 1, 100, 5000, 63, 20_000 })
            {
                ulong[] a = Numbers(random, items, 13), b = Numbers(random, items, 13), r = Numbers(random, items, 13);
                ulong[] sums = Run(server, client, plan, a, b, r);
                for (int i = 0; i < items; i++)
                {
                    Assert.Equal(1 - (((a[i] + b[i]) >> 12) & 1), sums[i]);
                }
            }
        }
    }

    private static ulong[] Run(
        Transfers server, Transfers client, ComparisonPlan plan, ulong[] a, ulong[] b, ulong[] r)
    {
        TwoParties.Run(server.ExtendFor(plan, a.Length), client.ExtendFor(plan, a.Length));
        using Preparation serverPrepares = server.Prepare(plan, a.Length), clientPrepares = client.Prepare(plan, a, r);
        TwoParties.Run(serverPrepares, clientPrepares);
        using Comparison atServer = Comparison.OfServer(serverPrepares.TakeTickets(), b);
        using Comparison atClient = Comparison.OfClient(clientPrepares.TakeTickets());
        TwoParties.Run(atServer, atClient);
        ulong[] results = new ulong[a.Length], sums = new ulong[a.Length];
        atServer.CopyResults(results);
        for (int i = 0; i < sums.Length; i++)
        {
            sums[i] = (results[i] + r[i]) & ((1ul << plan.Operation.ResultBits) - 1);
        }

        return sums;
    }

    private static ulong[] Numbers(Random random, int count, int bits) =>
        [.. Enumerable.Range(0, count).Select(_ => (ulong)random.NextInt64(1L << bits))];
}
