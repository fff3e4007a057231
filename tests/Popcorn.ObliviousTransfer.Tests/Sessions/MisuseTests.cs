using System.Reflection;
using System.Security.Cryptography;
using Popcorn.ObliviousTransfer.Comparisons;
using Popcorn.ObliviousTransfer.Extension;
using Popcorn.ObliviousTransfer.Flows;
using Popcorn.ObliviousTransfer.Sessions;
using Popcorn.ObliviousTransfer.Symmetric;
using Popcorn.ObliviousTransfer.Tests.Correlations;
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
            int items = 1 + (128 / Plan.Cots(Party.Client));
            Assert.InRange(items * Plan.Cots(Party.Server), 1, 2560);
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

    /// <summary>Else it would hand out zeros, of which everybody knows the pads.</summary>
    [Fact]
    public void Transfers_that_could_not_be_made_are_not_there()
    {
        (Transfers server, Transfers client) = Transcript.Connect(4, FerretParameters.Depth10);
        using (server)
        using (client)
        {
            TwoParties.Extend(server, client, 100, 0);
            int available = server.Sending.Available;
            typeof(CotSender).GetField("_randomness", BindingFlags.NonPublic | BindingFlags.Instance)!
                .SetValue(server.Sending, new Failing(5));
            using Protocol extension = server.Extend(available + 10_000, 0);
            byte[] message = new byte[extension.Due!.Value.Bytes];
            Assert.Throws<CryptographicException>(() => extension.Write(message));
            Assert.Throws<InvalidOperationException>(() => extension.Write(message));
            Assert.Equal(available, server.Sending.Available);
            Assert.Throws<InvalidOperationException>(() => server.Sending.Take(new Block[available + 1]));
        }
    }

    /// <summary>Both have taken the same, also where nothing came of it, and in whatever order messages go.</summary>
    [Fact]
    public void Preparations_that_are_abandoned_or_run_in_another_order_spoil_no_others()
    {
        (Transfers server, Transfers client) = Transcript.Connect(4, null);
        using (server)
        using (client)
        {
            const int Items = 10;
            TwoParties.Extend(
                server, client, 4 * Items * Plan.Cots(Party.Server), 4 * Items * Plan.Cots(Party.Client));
            List<Preparation> ofServer = [], ofClient = [];
            for (int i = 0; i < 4; i++)
            {
                ofServer.Add(server.Prepare(Plan, Items));
                ofClient.Add(client.Prepare(Plan, Shares(i), Shares(i + 10)));
            }

            ofServer[1].Dispose();
            ofClient[1].Dispose();
            Assert.Equal(server.Sending.Taken, client.Receiving.Taken);
            foreach (int i in new[] { 3, 0, 2 })
            {
                TwoParties.Run(ofServer[i], ofClient[i]);
            }

            foreach (int i in new[] { 2, 3, 0 })
            {
                Assert.Equal(Expected(i), Query(ofServer[i], ofClient[i], i));
            }

            // Where the parties prepare in different orders all that comes is wrong, and nobody can tell.
            TwoParties.Extend(
                server, client, 2 * Items * Plan.Cots(Party.Server), 2 * Items * Plan.Cots(Party.Client));
            Preparation first = server.Prepare(Plan, Items), second = server.Prepare(Plan, Items);
            Preparation other = client.Prepare(Plan, Shares(0), Shares(10));
            Preparation same = client.Prepare(Plan, Shares(0), Shares(10));
            TwoParties.Run(first, same);
            TwoParties.Run(second, other);
            Assert.NotEqual(Expected(0), Query(first, same, 0));
            Assert.NotEqual(Expected(0), Query(second, other, 0));

            static ulong[] Shares(int seed) => new SplitMix((ulong)seed + 1).Numbers(Items, 6);

            static ulong[] Query(Preparation forServer, Preparation forClient, int i)
            {
                ulong[] shares = new ulong[Items];
                using Comparison atServer = Comparison.OfServer(forServer.TakeTickets(), Shares(i + 20));
                using Comparison atClient = Comparison.OfClient(forClient.TakeTickets());
                TwoParties.Run(atServer, atClient);
                atServer.CopyResults(shares);
                return [.. shares.Zip(Shares(i + 10), (x, y) => (x + y) & 63)];
            }

            static ulong[] Expected(int i) =>
                [.. Shares(i).Zip(Shares(i + 20), (x, y) => Math.Min((x + y) >> 2, 7))];
        }
    }

    /// <summary>Messages are written to memory that is not cleared; what stood there must not leave.</summary>
    [Fact]
    public void Whatever_stood_where_a_message_goes_is_overwritten()
    {
        foreach (Func<ProtocolPair> begin in Repeatable())
        {
            Assert.Equal(Messages(begin(), 0), Messages(begin(), 0xFF));
        }

        // These are random, so that eight bytes of one kind in a row come from what stood there.
        foreach (byte stood in new byte[] { 0, 0xFF })
        {
            foreach (byte[] message in Messages(ProtocolPair.OfSetUp(), stood))
            {
                Assert.Equal(-1, message.AsSpan().IndexOf(Enumerable.Repeat(stood, 8).ToArray()));
            }
        }

        static IEnumerable<Func<ProtocolPair>> Repeatable()
        {
            yield return () => ProtocolPair.OfExtension(1, null, 700);
            yield return () => ProtocolPair.OfExtension(1, FerretParameters.Depth10, 700);
            yield return () =>
            {
                (Transfers server, Transfers client) = Transcript.Connect(1, null);
                TwoParties.Extend(server, client, 20, 20);
                return ProtocolPair.OfChoices(server, client, 11, new Random(1));
            };
            foreach (Operation operation in new Operation[]
            {
                new Relu(20, 8, 12), new Relu(20, 8, 12, 8), new Relu(5, 5, 3), new Sign(13, 13), new Maximum(13, 13),
                new AnyOf(5, 3), new Clip(14, 3, 11, 12), new SignedShift(15, 6, 17), new Square(1),
            })
            {
                foreach (bool isKnown in new[] { true, false })
                {
                    ComparisonPlan plan = ComparisonPlan.Of(operation with { ShareKnown = isKnown });
                    yield return () => ProtocolPair.OfPreparation(plan, 9, new Random(3));
                    yield return () => ProtocolPair.OfComparison(plan, 9, new Random(4));
                }
            }
        }

        static List<byte[]> Messages(ProtocolPair pair, byte stood)
        {
            using (pair)
            {
                List<byte[]> messages = [];
                while (pair.Server.Due is { } due)
                {
                    byte[] message = new byte[due.Bytes];
                    message.AsSpan().Fill(stood);
                    (due.From == Party.Server ? pair.Server : pair.Client).Write(message);
                    (due.From == Party.Server ? pair.Client : pair.Server).Read(message);
                    messages.Add(message);
                }

                return messages;
            }
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

    private sealed class Failing(int calls) : Randomness
    {
        private int _left = calls;

        public override void Fill(Span<byte> bytes)
        {
            if (_left-- == 0)
            {
                throw new CryptographicException("no randomness");
            }

            base.Fill(bytes);
        }
    }
}
