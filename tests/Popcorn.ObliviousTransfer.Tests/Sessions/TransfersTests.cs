using System.Runtime.Intrinsics;
using Popcorn.ObliviousTransfer.Extension;
using Popcorn.ObliviousTransfer.Flows;
using Popcorn.ObliviousTransfer.Sessions;

namespace Popcorn.ObliviousTransfer.Tests.Sessions;

public class TransfersTests
{
    public static TheoryData<int> Depths => [0, 10, 11, 12, 13];

    [Fact]
    public void A_connection_costs_what_is_said_of_it()
    {
        using SetUp server = SetUp.For(Party.Server), client = SetUp.For(Party.Client);
        List<byte[]> messages = TwoParties.Run(server, client);
        using Transfers s = server.Finish(), c = client.Finish();
        messages.AddRange(TwoParties.Extend(s, c, 1, 1));
        Assert.Equal([128, 16_448, 4_608, 4_096, 287_184, 373_104, 85_920], messages.Select(m => m.Length));
        Assert.True(messages.Sum(message => message.Length) < 1_000_000);
    }

    [Theory]
    [MemberData(nameof(Depths))]
    public void Correlations_hold_in_both_directions_over_every_change_of_iteration(int depth)
    {
        var options = new TransferOptions(FerretParameters.All.SingleOrDefault(set => set.Depth == depth));
        (Transfers server, Transfers client) = TwoParties.Connect(options);
        using (server)
        using (client)
        {
            // Past the end of the first iteration, of which only the largest sets leave little for use.
            foreach (int count in new[] { 1, 127, 128, 129, 300_000, 600_000, 5_000 })
            {
                TwoParties.Extend(server, client, count, count / 2);
                Check(server.Sending, client.Receiving, server.Sending.Available);
                Check(client.Sending, server.Receiving, client.Sending.Available);
            }
        }
    }

    [Fact]
    public void Lengths_that_are_multiples_of_nothing_are_all_right()
    {
        (Transfers server, Transfers client) = TwoParties.Connect(TransferOptions.Short);
        using (server)
        using (client)
        {
            for (int count = 1; count <= 300; count++)
            {
                TwoParties.Extend(server, client, count, 301 - count);
                Check(server.Sending, client.Receiving, count);
                Check(client.Sending, server.Receiving, 301 - count);
            }
        }
    }

    [Fact]
    public void Exactly_what_is_left_can_be_taken_and_not_one_more()
    {
        (Transfers server, Transfers client) = TwoParties.Connect(TransferOptions.Short);
        using (server)
        using (client)
        {
            Assert.Throws<InvalidOperationException>(() => server.Sending.Take(new Block[1]));
            for (int round = 0; round < 10; round++)
            {
                TwoParties.Extend(server, client, 200, 0);
                Assert.Equal(256, server.Sending.Available);
                Assert.Throws<InvalidOperationException>(() => server.Sending.Take(new Block[257]));
                server.Sending.Take(new Block[255]);
                server.Sending.Take(new Block[1]);
                Assert.Equal((0, 256ul * (ulong)(round + 1)), (server.Sending.Available, server.Sending.Taken));
                Assert.Throws<InvalidOperationException>(() => server.Sending.Take(new Block[1]));
                client.Receiving.Take(new Block[256]);
            }
        }
    }

    [Fact]
    public void Asking_for_no_more_than_is_there_sends_nothing()
    {
        (Transfers server, Transfers client) = TwoParties.Connect(TransferOptions.Short);
        using (server)
        using (client)
        {
            TwoParties.Extend(server, client, 128, 128);
            Assert.Empty(TwoParties.Extend(server, client, 128, 1));
        }
    }

    [Fact]
    public void A_message_that_is_repeated_by_a_second_extension_planned_too_early_is_refused()
    {
        (Transfers server, Transfers client) = TwoParties.Connect(TransferOptions.Short);
        using (server)
        using (client)
        {
            using Protocol first = client.Extend(0, 128), second = client.Extend(0, 256);
            second.Write(new byte[second.Due!.Value.Bytes]);
            first.Write(new byte[first.Due!.Value.Bytes]); // SoftSpoken goes on from wherever it is
            using Protocol third = client.Extend(0, 100);
            Assert.Null(third.Due);
        }

        (server, client) = TwoParties.Connect();
        using (server)
        using (client)
        {
            using Protocol first = client.Extend(0, 10), second = client.Extend(0, 10);
            first.Write(new byte[first.Due!.Value.Bytes]);
            Assert.Throws<InvalidOperationException>(() => second.Write(new byte[second.Due!.Value.Bytes]));
        }
    }

    [Fact]
    public void Parties_with_other_options_say_so()
    {
        using SetUp server = SetUp.For(Party.Server, TransferOptions.Short), client = SetUp.For(Party.Client);
        byte[] message = new byte[client.Due!.Value.Bytes];
        client.Write(message);
        TransferException e = Assert.Throws<TransferException>(() => server.Read(message));
        Assert.Contains("parameters", e.Message);
    }

    [Fact]
    public void A_connection_is_finished_once_and_not_before_its_end()
    {
        using SetUp server = SetUp.For(Party.Server), client = SetUp.For(Party.Client);
        Assert.Throws<InvalidOperationException>(server.Finish);
        TwoParties.Run(server, client);
        server.Finish().Dispose();
        Assert.Throws<InvalidOperationException>(server.Finish);
    }

    [Fact]
    public void Two_connections_have_nothing_in_common()
    {
        var seen = new HashSet<Block>();
        for (int i = 0; i < 2; i++)
        {
            (Transfers server, Transfers client) = TwoParties.Connect(TransferOptions.Short);
            using (server)
            using (client)
            {
                TwoParties.Extend(server, client, 128, 128);
                Block[] q = new Block[128], t = new Block[128];
                server.Sending.Take(q);
                client.Sending.Take(t);
                Assert.True(seen.Add(server.Sending.Delta));
                Assert.True(seen.Add(client.Sending.Delta));
                Assert.All(q.Concat(t), block => Assert.True(seen.Add(block)));
            }
        }
    }

    [Fact]
    public void Random_transfers_give_the_receiver_the_pad_of_its_choice_alone()
    {
        (Transfers server, Transfers client) = TwoParties.Connect(TransferOptions.Short);
        using (server)
        using (client)
        {
            var seen = new HashSet<Block>();
            foreach (int count in Enumerable.Range(1, 70).Append(1000).Append(3000))
            {
                TwoParties.Extend(server, client, count, 0);
                Block[] zeros = new Block[count], ones = new Block[count], pads = new Block[count];
                byte[] choices = new byte[count];
                server.TakeRandom(zeros, ones);
                client.TakeRandomChoices(choices, pads);
                for (int i = 0; i < count; i++)
                {
                    Assert.Equal(choices[i] == 1 ? ones[i] : zeros[i], pads[i]);
                    Assert.True(seen.Add(zeros[i]) && seen.Add(ones[i]));
                }
            }
        }
    }

    [Theory]
    [InlineData(Party.Server)]
    [InlineData(Party.Client)]
    public void Chosen_messages_arrive_and_the_others_do_not(Party sender)
    {
        const int Count = 1001;
        (Transfers server, Transfers client) = TwoParties.Connect(TransferOptions.Short);
        using (server)
        using (client)
        {
            TwoParties.Extend(server, client, Count, Count);
            Block[] first = Blocks.Random(1, Count), second = Blocks.Random(2, Count);
            byte[] choices = [.. Enumerable.Range(0, Count).Select(i => (byte)(i * i / 3 & 1))];
            (Transfers from, Transfers to) = sender == Party.Server ? (server, client) : (client, server);
            using Protocol sending = from.Send(first, second);
            using ChosenReceiver receiving = to.Receive(choices);
            Assert.Throws<InvalidOperationException>(() => receiving.Messages.ToArray());
            List<byte[]> messages = sender == Party.Server
                ? TwoParties.Run(sending, receiving) : TwoParties.Run(receiving, sending);
            Assert.Equal([126, 32 * Count], messages.Select(message => message.Length));
            Assert.Equal(
                choices.Select((choice, i) => choice == 1 ? second[i] : first[i]), receiving.Messages.ToArray());
        }
    }

    [Fact]
    public void A_choice_is_a_bit_and_both_messages_are_there()
    {
        (Transfers server, Transfers client) = TwoParties.Connect(TransferOptions.Short);
        using (server)
        using (client)
        {
            Assert.Throws<ArgumentException>(() => client.Receive([0, 2]));
            Assert.Throws<ArgumentOutOfRangeException>(() => server.Send(new Block[2], new Block[3]));
        }
    }

    private static void Check(CotSender sender, CotReceiver receiver, int count)
    {
        Assert.Equal(sender.Taken, receiver.Taken);
        Block[] q = new Block[count], t = new Block[count];
        sender.Take(q);
        receiver.Take(t);
        Block delta = sender.Delta;
        long ones = 0;
        bool right = (delta[0] & 1) == 1;
        for (int i = 0; i < count; i++)
        {
            ulong choice = t[i][0] & 1;
            ones += (long)choice;
            right &= (q[i][0] & 1) == 0 && (q[i] ^ t[i]) == (delta & Vector128.Create(0 - choice));
        }

        Assert.True(right);
        Assert.InRange(ones, (count / 2) - 1 - (4 * Math.Sqrt(count)), (count / 2) + 1 + (4 * Math.Sqrt(count)));
        Assert.Equal(count, q.Distinct().Count());
    }
}
