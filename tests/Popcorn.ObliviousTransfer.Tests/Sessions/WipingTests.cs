using Popcorn.ObliviousTransfer.Comparisons;
using Popcorn.ObliviousTransfer.Extension;
using Popcorn.ObliviousTransfer.Flows;
using Popcorn.ObliviousTransfer.Sessions;

namespace Popcorn.ObliviousTransfer.Tests.Sessions;

/// <summary>What was secret is zero when it is over; wherever in the library's objects it stands.</summary>
public sealed class WipingTests
{
    [Fact]
    public void Nothing_is_left_of_a_set_up_nor_of_one_that_was_not_finished()
    {
        foreach (int messages in new[] { 0, 1, 2, 3, 4 })
        {
            SetUp server = SetUp.For(Party.Server, TransferOptions.Short);
            SetUp client = SetUp.For(Party.Client, TransferOptions.Short);
            for (int i = 0; i < messages; i++)
            {
                byte[] message = new byte[server.Due!.Value.Bytes];
                (i % 2 == 0 ? client : server).Write(message);
                (i % 2 == 0 ? server : client).Read(message);
            }

            var secrets = new Secrets(server, client);
            Assert.NotEmpty(secrets.Arrays);
            Assert.False(secrets.AreWiped);
            Assert.Empty(secrets.LooseBlocks);
            server.Dispose();
            client.Dispose();
            Assert.True(secrets.AreWiped);
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Nothing_is_left_of_a_connection(bool silent)
    {
        (Transfers server, Transfers client) = Transcript.Connect(1, silent ? FerretParameters.Depth10 : null);
        TwoParties.Extend(server, client, 3000, 2000);
        server.TakeRandom(new Block[100], new Block[100]);
        client.TakeRandomChoices(new byte[100], new Block[100]);
        var secrets = new Secrets(server, client);
        Assert.True(secrets.Arrays.Count > 20);
        Assert.False(secrets.AreWiped);
        Assert.Empty(secrets.LooseBlocks);
        server.Dispose();
        client.Dispose();
        Assert.True(secrets.AreWiped);
        Assert.Equal(0, server.Sending.Available);
    }

    /// <summary>Not even where they were made, nor where they stood before others were made.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void No_copy_is_left_of_transfers_that_were_taken(bool silent)
    {
        (Transfers server, Transfers client) = Transcript.Connect(2, silent ? FerretParameters.Depth10 : null);
        using (server)
        using (client)
        {
            foreach (int count in new[] { 2000, 300, 5000, 1, 200, 2500 })
            {
                TwoParties.Extend(server, client, count, count);
                foreach (CotPool pool in new CotPool[]
                    { server.Sending, server.Receiving, client.Sending, client.Receiving })
                {
                    Block[] taken = new Block[Math.Max(1, count - 90)];
                    pool.Take(taken);
                    Assert.Equal(0, new Secrets(pool).CountOf(taken));
                }
            }
        }
    }

    [Fact]
    public void Nothing_is_left_of_a_comparison_or_chosen_transfers_whether_they_end_or_not()
    {
        ComparisonPlan plan = ComparisonPlan.Of(new Relu(8, 2, 6, 3));
        (Transfers server, Transfers client) = Transcript.Connect(3, null);
        using (server)
        using (client)
        {
            foreach (int messages in new[] { 0, 1, 3, 100 })
            {
                TwoParties.Run(server.ExtendFor(plan, 777), client.ExtendFor(plan, 777));
                using Preparation ofServer = server.Prepare(plan, 777);
                using Preparation ofClient = client.Prepare(plan, new ulong[777], new ulong[777]);
                TwoParties.Run(ofServer, ofClient);
                var secrets = new Secrets(ofServer, ofClient);
                Assert.False(secrets.AreWiped);
                Comparison first = Comparison.OfServer(ofServer.TakeTickets(), new ulong[777]);
                Comparison second = Comparison.OfClient(ofClient.TakeTickets());
                Begin(first, second, messages);
                var more = new Secrets(first, second);
                ofServer.Dispose();
                ofClient.Dispose();
                first.Dispose();
                second.Dispose();
                Assert.True(secrets.AreWiped && more.AreWiped);

                TwoParties.Extend(server, client, 50, 50);
                Protocol sends = server.Send(Blocks.Random(1, 50), Blocks.Random(2, 50));
                Protocol receives = client.Receive(Enumerable.Repeat((byte)1, 50).ToArray());
                Begin(sends, receives, messages);
                more = new Secrets(sends, receives);
                sends.Dispose();
                receives.Dispose();
                Assert.True(more.AreWiped);
            }
        }
    }

    private static void Begin(Protocol server, Protocol client, int messages)
    {
        for (int i = 0; i < messages && server.Due is { } due; i++)
        {
            byte[] message = new byte[due.Bytes];
            (due.From == Party.Server ? server : client).Write(message);
            (due.From == Party.Server ? client : server).Read(message);
        }
    }
}
