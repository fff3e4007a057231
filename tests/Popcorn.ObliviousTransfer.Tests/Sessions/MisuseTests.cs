using Popcorn.ObliviousTransfer.Comparisons;
using Popcorn.ObliviousTransfer.Extension;
using Popcorn.ObliviousTransfer.Flows;
using Popcorn.ObliviousTransfer.Sessions;
using Popcorn.ObliviousTransfer.Tests.Mutations;

namespace Popcorn.ObliviousTransfer.Tests.Sessions;

/// <summary>Programs that call the library as they should not: they hear of it, and nothing secret leaves.</summary>
public sealed class MisuseTests
{
    private static readonly ComparisonPlan Plan = ComparisonPlan.Of(new Relu(8, 2, 6, 3));

    [Fact]
    public void What_is_disposed_makes_no_transfers_any_more()
    {
        (Transfers server, Transfers client) = Transcript.Connect(1, null);
        using Protocol extension = server.Extend(128, 128), other = client.Extend(128, 128);
        server.Dispose();
        client.Dispose();
        byte[] message = new byte[other.Due!.Value.Bytes];
        Assert.Throws<ObjectDisposedException>(() => other.Write(message));
        Assert.Throws<ObjectDisposedException>(() => extension.Read(message));
        Assert.Throws<ObjectDisposedException>(() => server.Extend(1, 0));
        Assert.Throws<ObjectDisposedException>(() => server.TakeRandom(new Block[1], new Block[1]));
        Assert.Throws<ObjectDisposedException>(() => server.Sending.Delta);
    }

    /// <summary>Of the seeds of a set-up that was wiped nothing is sent: it would be under keys that are zero.
    /// </summary>
    [Fact]
    public void What_is_disposed_says_nothing_any_more()
    {
        for (int messages = 0; messages <= 4; messages++)
        {
            SetUp server = SetUp.For(Party.Server, TransferOptions.Short);
            SetUp client = SetUp.For(Party.Client, TransferOptions.Short);
            for (int i = 0; i < messages; i++)
            {
                byte[] message = new byte[server.Due!.Value.Bytes];
                (i % 2 == 0 ? client : server).Write(message);
                (i % 2 == 0 ? server : client).Read(message);
            }

            server.Dispose();
            client.Dispose();
            if (server.Due is { } due)
            {
                byte[] message = new byte[due.Bytes];
                SetUp sender = due.From == Party.Server ? server : client;
                Assert.Throws<ObjectDisposedException>(() => sender.Write(message));
                Assert.Throws<ObjectDisposedException>(
                    () => (sender == server ? client : server).Read(message));
            }
            else
            {
                Assert.Throws<ObjectDisposedException>(server.Finish);
                Assert.Throws<ObjectDisposedException>(client.Finish);
            }
        }

        (Transfers one, Transfers two) = Transcript.Connect(1, null);
        using (one)
        using (two)
        {
            TwoParties.Extend(one, two, 10, 10);
            using ProtocolPair pair = ProtocolPair.OfChoices(one, two, 10, new Random(1));
            TwoParties.Run(pair.Server, pair.Client);
            pair.Dispose();
            Assert.Throws<ObjectDisposedException>(pair.Finish);
        }
    }

    /// <summary>Else the two parties' numbers drift apart, and all that they make later is wrong.</summary>
    [Fact]
    public void Where_there_are_too_few_transfers_none_are_taken()
    {
        (Transfers server, Transfers client) = Transcript.Connect(4, null);
        using (server)
        using (client)
        {
            // Many in direction 0, few in direction 1.
            TwoParties.Extend(server, client, 2560, 128);
            int items = 1 + (128 / Plan.Transfers(Party.Client));
            Assert.InRange(items * Plan.Transfers(Party.Server), 1, 2560);
            foreach (Transfers party in new[] { server, client })
            {
                int sending = party.Sending.Available, receiving = party.Receiving.Available;
                Block[] first = new Block[sending + 1], second = new Block[receiving + 1];
                Assert.Throws<InvalidOperationException>(() => party.TakeRandom(first, new Block[first.Length]));
                Assert.Throws<InvalidOperationException>(
                    () => party.TakeRandomChoices(new byte[second.Length], second));
                Assert.Throws<InvalidOperationException>(() => party.Send(first, first));
                Assert.Throws<InvalidOperationException>(() => party.Receive(new byte[second.Length]));
                Assert.Throws<InvalidOperationException>(() => Prepare(party, 1000));
                Assert.Throws<InvalidOperationException>(() => Prepare(party, items));
                Assert.All(first, block => Assert.Equal(default, block));
                Assert.All(second, block => Assert.Equal(default, block));
                Assert.Equal((sending, receiving), (party.Sending.Available, party.Receiving.Available));
                Assert.Equal((0ul, 0ul), (party.Sending.Taken, party.Receiving.Taken));
            }
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void More_than_memory_can_hold_is_refused_before_anything_is_sent(bool silent)
    {
        (Transfers server, Transfers client) = Transcript.Connect(4, silent ? FerretParameters.Depth10 : null);
        using (server)
        using (client)
        {
            foreach (long count in new[] { long.MaxValue, 1L << 31, 1L << 27, -1, long.MinValue })
            {
                Assert.Throws<ArgumentOutOfRangeException>(() => server.Extend(count, 0));
                Assert.Throws<ArgumentOutOfRangeException>(() => client.Extend(0, count));
            }
        }
    }

    /// <summary>So that none is longer than an exchange lets through.</summary>
    [Fact]
    public void A_message_of_an_extension_is_no_longer_than_eight_megabytes()
    {
        (Transfers server, Transfers client) = Transcript.Connect(4, null);
        using (server)
        using (client)
        {
            using Protocol extension = server.Extend(100_000_000, 50_000_000);
            Assert.Equal(72, extension.Flows.Count);
            Assert.All(extension.Flows, flow => Assert.InRange(flow.Bytes, 1, 1 << 23));
        }
    }

    [Fact]
    public void Sizes_of_the_silent_extension_are_those_that_were_examined()
    {
        foreach (FerretParameters set in new[]
            {
                new FerretParameters(1, 4, 3), new(850, 22, 10), new(0, 0, 0),
                FerretParameters.Depth13 with { Trees = 2000 },
            })
        {
            Assert.Throws<ArgumentException>(() => SetUp.For(Party.Server, new TransferOptions(set)));
        }

        using SetUp same = SetUp.For(Party.Client, new TransferOptions(new FerretParameters(850, 16, 10)));
        Assert.NotNull(same.Due);
    }

    [Fact]
    public void Bits_behind_the_last_choice_are_zero()
    {
        (Transfers server, Transfers client) = Transcript.Connect(4, null);
        using (server)
        using (client)
        {
            TwoParties.Extend(server, client, 11, 11);
            using Protocol sender = server.Send(new Block[11], new Block[11]), receiver = client.Receive(new byte[11]);
            byte[] choices = new byte[2];
            receiver.Write(choices);
            choices[1] |= 8;
            Assert.Throws<TransferException>(() => sender.Read(choices));
        }
    }

    [Fact]
    public void Numbers_of_items_that_no_message_can_hold_are_refused()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => Plan.PrepareFlows(-1));
        Assert.Throws<ArgumentOutOfRangeException>(() => Plan.OnlineFlows(int.MinValue));
        Assert.Throws<OverflowException>(() => Plan.OnlineFlows(int.MaxValue));
        Assert.Throws<OverflowException>(() => Plan.OnlineFlows(int.MaxValue - 8));
        Assert.All(Plan.OnlineFlows(1_000_001), flow => Assert.Equal(0, flow.Bytes % 125_001));
    }

    private static Preparation Prepare(Transfers party, int items) => party.Self == Party.Server
        ? party.Prepare(Plan, items)
        : party.Prepare(Plan, new ulong[items], new ulong[items]);
}
