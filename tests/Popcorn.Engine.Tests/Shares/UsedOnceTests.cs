using Popcorn.Engine.Sessions;
using Popcorn.Engine.Shares;
using Popcorn.Interop;
using Popcorn.Tests;

namespace Popcorn.Engine.Tests.Shares;

/// <summary>What a connection's transfers are used for, and what a query does without.</summary>
public class UsedOnceTests
{
    /// <summary>
    /// A pool moves COTs out and numbers them as it does, so what is taken of it is what was used: neither more nor
    /// less than the plan says, on both sides, whatever becomes of the bundles.
    /// </summary>
    [Fact]
    public async Task Each_bundle_takes_the_transfers_of_its_plan_once()
    {
        using var server = new WatchedServer();
        await using WatchedSession session = await server.OpenAsync();
        ClientSession client = session.Client;
        (ulong OfServer, ulong OfClient) due = (session.Asks.Transfers.Receiving.Taken,
            session.Asks.Transfers.Sending.Taken);
        await AssertTakenAsync();
        for (int bundle = 0; bundle < client.MaxPrepared; bundle++)
        {
            int images = 1 + (bundle % 2);
            await client.PrepareAsync(images).WaitAsync(Eventually.Patience);
            await AssertGrownAsync(images);
        }

        // Refused before anything is sent: the session goes on, and nothing is taken.
        await Assert.ThrowsAsync<PopcornException>(() => client.PrepareAsync());
        await Assert.ThrowsAsync<PopcornException>(() => client.InferAsync(new int[1], null, default));
        await Assert.ThrowsAsync<PopcornException>(() => client.PrepareAsync(images: int.MaxValue));
        await AssertTakenAsync();

        // Prepared: for two images the second, which ends the first; then the third, for one.
        await client.InferAsync([WatchedServer.Input(1), WatchedServer.Input(2)], null, default);
        await session.InferAsync(3);
        await AssertTakenAsync();
        Assert.Equal(1, client.PreparedCount);

        // The fourth, for two images, is ended by one that is prepared as it is asked.
        await session.InferAsync(4);
        await AssertGrownAsync(images: 1);
        await session.InferAsync(5);
        await AssertGrownAsync(images: 1);
        Assert.Equal(0, client.PreparedCount);
        await Eventually.EqualAsync((0, 0), () => (session.Asks.Held, session.Serves.Held));

        Task AssertGrownAsync(int images)
        {
            var plan = (SharesPlan)server.Model.PlanFor(TestKeys.Bits, images);
            ulong ofServer = (ulong)plan.CotDemands.Sum(demand => demand.OfServer);
            ulong ofClient = (ulong)plan.CotDemands.Sum(demand => demand.OfClient);
            Assert.True(ofServer > 0 && ofClient > 0);
            due = (due.OfServer + ofServer, due.OfClient + ofClient);
            return AssertTakenAsync();
        }

        // The client may be done before the server has begun with its last tickets.
        async Task AssertTakenAsync()
        {
            Assert.Equal(due, (session.Asks.Transfers.Receiving.Taken, session.Asks.Transfers.Sending.Taken));
            await Eventually.EqualAsync(
                due, () => (session.Serves.Transfers.Sending.Taken, session.Serves.Transfers.Receiving.Taken));
        }
    }

    /// <summary>
    /// A native call takes a handle. When both parties have none left, neither of keys and their tables nor of the
    /// model's programs, a query still has its logits: so it makes no such call.
    /// </summary>
    [Fact]
    public async Task A_prepared_query_makes_no_native_call()
    {
        using var key = PaillierPrivateKey.Generate(TestKeys.Bits, TestKeys.Options);
        using var server = new WatchedServer(key);
        await using WatchedSession session = await server.OpenAsync();
        await session.PrepareAsync();
        await session.Client.PrepareAsync(images: 2).WaitAsync(Eventually.Patience);
        await Eventually.EqualAsync(2, () => session.Serves.Queries.Count);
        await Eventually.EqualAsync(0, () => server.Resources.Use.Computing);
        server.Model.Dispose();
        session.Serves.EndNative();
        while (server.Resources.Tables.EvictOne())
        {
        }

        Assert.Equal(0, server.Resources.Use.Tables);
        session.Asks.EndNative();
        key.Dispose();
        key.PublicKey.Dispose();
        await session.InferAsync(1);
        int[][] inputs = [WatchedServer.Input(2), WatchedServer.Input(3)];
        IReadOnlyList<InferenceResult> both = await session.Client.InferAsync(
            [.. inputs.Select(input => (ReadOnlyMemory<int>)input)], null, default).WaitAsync(Eventually.Patience);
        Assert.Equal(inputs.Select(WatchedServer.Expected), both.Select(result => result.Logits));
    }
}
