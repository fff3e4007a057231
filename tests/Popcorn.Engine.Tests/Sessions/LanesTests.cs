using Popcorn.Engine.Model;
using Popcorn.Engine.Planning;
using Popcorn.Engine.Sessions;
using Popcorn.Engine.Tests.Model;
using Popcorn.Engine.Wire;
using Popcorn.Tests;

namespace Popcorn.Engine.Tests.Sessions;

/// <summary>Steps that run side by side over one connection: those with even numbers are one lane, the others another.
/// </summary>
public sealed class LanesTests : IAsyncDisposable
{
    private const int MostAhead = 10_000;

    private readonly IMessageChannel _own;
    private readonly IMessageChannel _peer;
    private readonly Connection _connection;
    private readonly Connection _peersConnection;
    private readonly ReceiveTimeout _receiver;
    private readonly StepExchange _exchange;

    public LanesTests()
    {
        (_own, _peer) = MemoryChannel.CreatePair();
        _connection = new Connection(_own);
        _peersConnection = new Connection(_peer);
        _receiver = new ReceiveTimeout(_connection, Eventually.Patience, default);
        _exchange = new StepExchange(_connection, _receiver, null, new TwoLanes(), default);
    }

    public async ValueTask DisposeAsync()
    {
        _receiver.Dispose();
        await _own.DisposeAsync();
        await _peer.DisposeAsync();
    }

    [Fact]
    public async Task Each_lane_gets_its_messages_in_order_however_they_come()
    {
        for (int seed = 0; seed < 50; seed++)
        {
            var random = new Random(seed);
            int[] next = [0, 0];
            Task sending = Task.Run(async () =>
            {
                var order = new Random(~seed);
                int[] sent = [0, 0];
                while (sent.Sum() < 40)
                {
                    int lane = sent[0] == 20 ? 1 : sent[1] == 20 ? 0 : order.Next(2);
                    await PeerSendsAsync(lane, sent[lane], [(byte)lane, (byte)sent[lane]++]);
                }
            });
            await _exchange.RunSideBySideAsync([() => TakeAsync(0), () => TakeAsync(1)]);
            await sending;
            Assert.Equal([20, 20], next);

            async Task TakeAsync(int lane)
            {
                for (int i = 0; i < 20; i++)
                {
                    ReadOnlyMemory<byte> message = await _exchange.ReceiveAsync(lane, i);
                    Assert.Equal([(byte)lane, (byte)i], message.ToArray());
                    next[lane]++;
                    if (random.Next(4) == 0)
                    {
                        await Task.Yield();
                    }
                }
            }
        }
    }

    [Fact]
    public void The_parties_agree_on_lanes() => Assert.EndsWith(
        "\nOnline -1 step\nOnline lane 1 -1 step\nOnline -1 step\nOnline lane 1 -1 step\n", new TwoLanes().Text,
        StringComparison.Ordinal);

    [Fact]
    public async Task Both_lanes_may_send()
    {
        await _exchange.RunSideBySideAsync([() => SendAsync(0), () => SendAsync(1)]);
        var seen = new List<(uint, uint)>();
        for (int i = 0; i < 8; i++)
        {
            Engine.Wire.Messages.Chunk chunk = await _peersConnection.ReceiveChunkAsync(default);
            seen.Add((chunk.Step, chunk.First));
        }

        Assert.All([0u, 1u], lane =>
            Assert.Equal([0u, 1u, 2u, 3u], seen.Where(s => s.Item1 == lane).Select(s => s.Item2)));

        async Task SendAsync(int lane)
        {
            for (int i = 0; i < 4; i++)
            {
                await _exchange.SendAsync(lane, i, new byte[10]);
            }
        }
    }

    [Fact]
    public async Task A_message_that_its_lane_does_not_wait_for_is_refused()
    {
        await PeerSendsAsync(step: 2, first: 0, [1]);
        PopcornException error = await FailsAsync(() => _exchange.ReceiveAsync(0, 0).AsTask());
        Assert.Contains("item 0 of step 2 where item 0 of step 0 was due", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Without_lanes_no_message_comes_early()
    {
        var alone = new StepExchange(_connection, _receiver, null, plan: null, default);
        await PeerSendsAsync(step: 1, first: 0, [1]);
        await Assert.ThrowsAsync<PopcornException>(() => alone.ReceiveAsync(0, 0).AsTask());
    }

    [Fact]
    public async Task What_comes_early_is_bounded()
    {
        Task peer = Task.Run(async () =>
        {
            for (int i = 0; i < 3; i++)
            {
                await PeerSendsAsync(step: 1, first: i, new byte[MostAhead / 2]);
            }
        });
        PopcornException error = await FailsAsync(() => _exchange.ReceiveAsync(0, 0).AsTask());
        Assert.Contains("ahead of what was due", error.Message, StringComparison.Ordinal);
        await peer;
    }

    [Fact]
    public async Task What_nobody_asked_for_is_refused_in_the_end()
    {
        await PeerSendsAsync(step: 1, first: 0, [1]);
        await PeerSendsAsync(step: 0, first: 0, [1]);
        PopcornException error = await FailsAsync(() => _exchange.ReceiveAsync(0, 0).AsTask());
        Assert.Contains("more than was due", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_lane_that_fails_stops_the_others_and_says_why()
    {
        var reached = new TaskCompletionSource();
        PopcornException error = await FailsAsync(
            async () =>
            {
                await reached.Task;
                throw new PopcornException("Enough.");
            },
            async () =>
            {
                ValueTask<ReadOnlyMemory<byte>> waiting = _exchange.ReceiveAsync(1, 0);
                reached.SetResult();
                await waiting; // never comes
            });
        Assert.Equal("Enough.", error.Message);
    }

    [Fact]
    public async Task A_peer_that_is_gone_ends_all_lanes()
    {
        await _peer.DisposeAsync();
        PopcornException error = await FailsAsync(
            () => _exchange.ReceiveAsync(0, 0).AsTask(), () => _exchange.ReceiveAsync(1, 0).AsTask());
        Assert.Contains("closed", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_session_waits_only_while_all_lanes_do()
    {
        TimeSpan delay = TimeSpan.FromMilliseconds(300);
        var released = new TaskCompletionSource();
        await _exchange.RunSideBySideAsync(
        [
            () => _exchange.ReceiveAsync(0, 0).AsTask(),
            async () =>
            {
                await Task.Delay(delay); // works
                await PeerSendsAsync(step: 0, first: 0, [1]);
            },
        ]);
        Assert.InRange(_connection.Use.Waited, TimeSpan.Zero, delay / 2);
    }

    private Task<PopcornException> FailsAsync(params Func<Task>[] lanes) => Assert.ThrowsAsync<PopcornException>(
        () => _exchange.RunSideBySideAsync(lanes).WaitAsync(Eventually.Patience));

    private async Task PeerSendsAsync(int step, int first, byte[] payload) =>
        await _peersConnection.SendChunkAsync(step, first, payload, default);

    private sealed record Step(int Index) : PlanStep(Index, -1, "step")
    {
        public override int Lane => Index % 2;

        public override StepCost Cost => StepCost.None;

        public override long ServerBytes => 0;

        public override string Describe() => "step";
    }

    private sealed class TwoLanes() : Plan(
        "two lanes", PublicNetwork.From(RandomNetworks.Create(0, exact: true)), 1,
        [new Step(0), new Step(1), new Step(2), new Step(3)])
    {
        public override long ServerBytesOf(Shape value) => 0;

        internal override long MostBytesAhead => MostAhead;
    }
}
