using System.Net;
using System.Net.Sockets;
using Popcorn.ObliviousTransfer.Comparisons;
using Popcorn.ObliviousTransfer.Extension;
using Popcorn.ObliviousTransfer.Flows;
using Popcorn.ObliviousTransfer.Sessions;
using Popcorn.ObliviousTransfer.Tests.Mutations;
using Popcorn.Tests;

namespace Popcorn.ObliviousTransfer.Tests.Flows;

/// <summary>Messages that are longer than what a connection holds.</summary>
public sealed class LargeMessageTests
{
    private const int Megabytes64 = 1 << 26;

    /// <summary>Each sends and only then receives, and sends again; nobody reads while both send.</summary>
    [Fact]
    public async Task Both_may_send_a_large_message_at_once_before_they_receive()
    {
        using Sockets sockets = await Sockets.ConnectAsync();
        byte[] ofServer = new byte[Megabytes64], ofClient = new byte[Megabytes64];
        new Random(1).NextBytes(ofServer);
        new Random(2).NextBytes(ofClient);
        await sockets.Server.SendAsync(1, 2, ofServer);
        await sockets.Client.SendAsync(1, 2, ofClient);
        Task next = sockets.Server.SendAsync(2, 0, new byte[5]).AsTask();
        Assert.False(next.IsCompleted); // the buffers are full, and there is one message at a time
        Task<ReadOnlyMemory<byte>> atServer = sockets.Server.ReceiveAsync(1, 2).AsTask();
        Task<ReadOnlyMemory<byte>> atClient = sockets.Client.ReceiveAsync(1, 2).AsTask();
        await Task.WhenAll(next, atServer, atClient).WaitAsync(4 * Eventually.Patience);
        Assert.True((await atServer).Span.SequenceEqual(ofClient));
        Assert.True((await atClient).Span.SequenceEqual(ofServer));
        Assert.Equal(5, (await sockets.Client.ReceiveAsync(2, 0)).Length);
        await sockets.Server.DisposeAsync();
        await sockets.Client.DisposeAsync();
    }

    /// <summary>What was sent has left when the exchange is disposed, and the stream can go.</summary>
    [Fact]
    public async Task Disposing_waits_for_what_is_on_its_way()
    {
        using Sockets sockets = await Sockets.ConnectAsync();
        await sockets.Server.SendAsync(1, 2, new byte[Megabytes64 / 8]);
        Task disposing = sockets.Server.DisposeAsync().AsTask();
        Assert.False(disposing.IsCompleted);
        Task<ReadOnlyMemory<byte>> receiving = sockets.Client.ReceiveAsync(1, 2).AsTask();
        await disposing.WaitAsync(Eventually.Patience);
        sockets.LeaveServer(resets: false);
        Assert.Equal(Megabytes64 / 8, (await receiving.WaitAsync(Eventually.Patience)).Length);
    }

    [Fact]
    public async Task A_message_that_could_not_be_sent_fails_all_that_follow()
    {
        using Sockets sockets = await Sockets.ConnectAsync();
        await sockets.Client.SendAsync(1, 2, new byte[Megabytes64 / 8]);
        sockets.LeaveServer(resets: true);
        for (int i = 0; i < 2; i++)
        {
            await Assert.ThrowsAsync<IOException>(
                () => sockets.Client.SendAsync(1, 3, new byte[1]).AsTask().WaitAsync(Eventually.Patience));
        }

        await Assert.ThrowsAsync<IOException>(() => sockets.Client.ReceiveAsync(1, 2).AsTask());
        await Assert.ThrowsAsync<IOException>(() => sockets.Client.DisposeAsync().AsTask());
    }

    /// <summary>Longer than that is not received, nor is it waited for.</summary>
    [Fact]
    public async Task A_message_that_is_too_long_is_refused_by_its_header()
    {
        using Sockets sockets = await Sockets.ConnectAsync();
        await sockets.Server.SendAsync(1, 2, new byte[Megabytes64 + 1]);
        await Assert.ThrowsAsync<TransferException>(
            async () => await sockets.Client.ReceiveAsync(1, 2).AsTask().WaitAsync(Eventually.Patience));

        // What follows is the rest of it, not a message.
        await Assert.ThrowsAsync<InvalidOperationException>(async () => await sockets.Client.ReceiveAsync(1, 2));
        await sockets.Client.DisposeAsync();
        sockets.Dispose();
        await Assert.ThrowsAnyAsync<Exception>(
            () => sockets.Server.DisposeAsync().AsTask().WaitAsync(Eventually.Patience));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_party_that_leaves_is_noticed_however_it_leaves(bool resets)
    {
        using Sockets sockets = await Sockets.ConnectAsync();
        Task receiving = sockets.Client.ReceiveAsync(0, 0).AsTask();
        sockets.LeaveServer(resets);
        await Assert.ThrowsAsync<TransferException>(() => receiving.WaitAsync(Eventually.Patience));
    }

    /// <summary>Of 64 megabytes among the slow tests.</summary>
    [Fact]
    public async Task Protocols_with_large_messages_end_over_small_buffers()
    {
        int count = SharedData.SlowTests ? Megabytes64 / 32 : 150_000;
        using Sockets sockets = await Sockets.ConnectAsync();
        await Task.WhenAll(
            Task.Run(() => RunAsync(Party.Server, sockets.Server, count)),
            Task.Run(() => RunAsync(Party.Client, sockets.Client, count))).WaitAsync(4 * Eventually.Patience);
    }

    /// <summary>
    /// Whoever speaks is the one of whom a message is due, for both parties alike; the other can but listen. So neither
    /// ever waits for the other to read while that waits too.
    /// </summary>
    [Fact]
    public void At_any_time_one_party_speaks_and_the_other_listens()
    {
        (Transfers server, Transfers client) = Transcript.Connect(2, FerretParameters.Depth10);
        using (server)
        using (client)
        {
            TwoParties.Extend(server, client, 100, 100);
            using ProtocolPair setUp = ProtocolPair.OfSetUp();
            Check(setUp);
            Check(ProtocolPair.OfChoices(server, client, 20, new Random(1)));
            Check(ProtocolPair.OfChoices(server, client, 20, new Random(2)));
            foreach (FerretParameters? steady in new[] { null, FerretParameters.Depth10 })
            {
                Check(ProtocolPair.OfExtension(1, steady, 1000));
            }

            // Large ones, of which two messages of the same sender follow each other.
            (Transfers one, Transfers other) = Transcript.Connect(2, null);
            using (one)
            using (other)
            {
                using Protocol a = one.Extend(10_000_000, 6_000_000), b = other.Extend(6_000_000, 10_000_000);
                Assert.Equal(a.Flows, b.Flows);
                Assert.True(a.Flows.Count > 5);
            }

            foreach (Operation operation in new Operation[]
            {
                new Relu(20, 8, 12), new Relu(20, 8, 12, 8), new Sign(13, 13), new Maximum(13, 13), new AnyOf(5, 3),
                new Clip(14, 3, 11, 12), new SignedShift(15, 6, 17), new Square(11),
            })
            {
                foreach (bool isKnown in new[] { true, false })
                {
                    ComparisonPlan plan = ComparisonPlan.Of(operation with { ShareKnown = isKnown });
                    Check(ProtocolPair.OfPreparation(plan, 9, new Random(3)));
                    Check(ProtocolPair.OfComparison(plan, 9, new Random(4)));
                }
            }
        }
    }

    private static void Check(ProtocolPair pair)
    {
        using (pair)
        {
            Assert.Equal(pair.Server.Flows, pair.Client.Flows);
            while (pair.Server.Due is { } due)
            {
                Assert.Equal(due, pair.Client.Due);
                (Protocol speaks, Protocol listens) =
                    due.From == Party.Server ? (pair.Server, pair.Client) : (pair.Client, pair.Server);
                byte[] message = new byte[due.Bytes];
                Assert.Throws<InvalidOperationException>(() => listens.Write(message));
                Assert.Throws<InvalidOperationException>(() => speaks.Read(message));
                speaks.Write(message);
                listens.Read(message);
            }

            Assert.Null(pair.Client.Due);
            pair.Finish();
        }
    }

    private static async Task RunAsync(Party self, StreamExchange exchange, int count)
    {
        int step = 0;
        using SetUp setUp = SetUp.For(self);
        await setUp.RunAsync(exchange, step++);
        using Transfers transfers = setUp.Finish();
        foreach (Party sender in new[] { Party.Server, Party.Client })
        {
            using Protocol extension = transfers.Extend(sender == self ? count : 0, sender == self ? 0 : count);
            await extension.RunAsync(exchange, step++);
            using Protocol chosen = sender == self
                ? transfers.Send(new Block[count], new Block[count])
                : transfers.Receive(new byte[count]);
            Assert.Equal(32 * count, chosen.Flows[1].Bytes);
            await chosen.RunAsync(exchange, step++);
            Assert.True(sender == self || !((ChosenReceiver)chosen).Messages.ContainsAnyExcept(default(Block)));
        }
    }

    /// <summary>Both ends of a connection that holds little.</summary>
    private sealed class Sockets : IDisposable
    {
        private readonly List<TcpClient> _clients = [];

        public StreamExchange Server => field ??= new StreamExchange(_clients[0].GetStream());

        public StreamExchange Client => field ??= new StreamExchange(_clients[1].GetStream());

        public static async Task<Sockets> ConnectAsync()
        {
            var sockets = new Sockets();
            using var listener = new TcpListener(IPAddress.Loopback, 0);
            listener.Server.ReceiveBufferSize = 4096;
            listener.Start();
            var client = new TcpClient { SendBufferSize = 4096, ReceiveBufferSize = 4096 };
            await client.ConnectAsync((IPEndPoint)listener.LocalEndpoint);
            TcpClient server = await listener.AcceptTcpClientAsync();
            (server.SendBufferSize, server.ReceiveBufferSize) = (4096, 4096);
            sockets._clients.AddRange([server, client]);
            return sockets;
        }

        public void LeaveServer(bool resets)
        {
            if (resets)
            {
                _clients[0].LingerState = new LingerOption(enable: true, seconds: 0);
            }

            _clients[0].Dispose();
        }

        public void Dispose() => _clients.ForEach(client => client.Dispose());
    }
}
