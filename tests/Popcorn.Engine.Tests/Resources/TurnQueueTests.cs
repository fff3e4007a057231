using Popcorn.Engine.Resources;
using Popcorn.Tests;

namespace Popcorn.Engine.Tests.Resources;

public class TurnQueueTests
{
    [Fact]
    public async Task A_session_alone_never_waits()
    {
        var queue = new TurnQueue(places: 1, most: 1);
        Share session = SessionOf(AddressOf(queue));
        for (int i = 0; i < 3; i++)
        {
            ValueTask<Turn> turn = queue.TakeAsync(session, default);
            Assert.True(turn.IsCompletedSuccessfully);
            Assert.Equal(1, queue.Running);
            (await turn).Dispose();
        }

        Assert.Equal((0, 0), (queue.Running, queue.Waiting));
    }

    [Fact]
    public async Task An_address_without_a_turn_does_not_wait_for_the_long_ones_of_another()
    {
        var queue = new TurnQueue(places: 1, most: 2);
        Share heavy = AddressOf(queue);
        using Turn first = await queue.TakeAsync(SessionOf(heavy), default);
        Task<Turn> second = queue.TakeAsync(SessionOf(heavy), default).AsTask();
        Task<Turn> other = queue.TakeAsync(SessionOf(AddressOf(queue)), default).AsTask();
        Task<Turn> third = queue.TakeAsync(SessionOf(AddressOf(queue)), default).AsTask();
        Turn beside = await other.WaitAsync(Eventually.Patience);

        // But the number is bounded, and an address with a turn waits for it to end.
        await Task.Delay(100);
        Assert.Equal((2, 2), (queue.Running, queue.Waiting));
        beside.Dispose();
        (await third.WaitAsync(Eventually.Patience)).Dispose();
        await Task.Delay(100);
        Assert.Equal((1, 1), (queue.Running, queue.Waiting));
        first.Dispose();
        (await second.WaitAsync(Eventually.Patience)).Dispose();
    }

    [Fact]
    public async Task Who_has_used_least_is_next()
    {
        var queue = new TurnQueue(places: 1, most: 1);
        Share[] addresses = [AddressOf(queue), AddressOf(queue)];
        Share[] sessions = [SessionOf(addresses[0]), SessionOf(addresses[0]), SessionOf(addresses[1])];
        Turn running = await queue.TakeAsync(SessionOf(AddressOf(queue)), default);
        Task<Turn>[] waiting = [.. sessions.Select(session => queue.TakeAsync(session, default).AsTask())];

        // The first address has used five seconds, all of them its first session.
        sessions[0].Start();
        sessions[0].Stop(5);
        running.Dispose();
        List<Task<Turn>> left = [.. waiting];
        foreach (int next in (int[])[2, 1, 0])
        {
            using Turn turn = await waiting[next].WaitAsync(Eventually.Patience);
            left.Remove(waiting[next]);
            Assert.DoesNotContain(left, task => task.IsCompleted);
        }
    }

    [Fact]
    public async Task Nobody_has_to_make_up_for_a_time_when_it_was_away()
    {
        var queue = new TurnQueue(places: 1, most: 1);
        Share old = AddressOf(queue);
        Share oldSession = SessionOf(old);
        Turn running = await queue.TakeAsync(oldSession, default);
        oldSession.Start();
        oldSession.Stop(100);
        Share fresh = AddressOf(queue);
        Task<Turn> newcomer = queue.TakeAsync(SessionOf(fresh), default).AsTask();
        Assert.Equal(old.Used, fresh.Used);
        running.Dispose();
        (await newcomer.WaitAsync(Eventually.Patience)).Dispose();
    }

    [Fact]
    public async Task Who_gives_up_is_not_waited_for()
    {
        var queue = new TurnQueue(places: 1, most: 1);
        Share address = AddressOf(queue);
        Turn running = await queue.TakeAsync(SessionOf(address), default);
        using var stop = new CancellationTokenSource();
        Task<Turn> waiting = queue.TakeAsync(SessionOf(address), stop.Token).AsTask();
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting);
        running.Dispose();
        running.Dispose(); // twice is once
        Assert.Equal((0, 0), (queue.Running, queue.Waiting));
        (await queue.TakeAsync(SessionOf(address), default)).Dispose();
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task Random_sequences_stay_within_the_places_and_end(int seed)
    {
        var queue = new TurnQueue(places: 2, most: 4);
        Share[] addresses = [.. Enumerable.Range(0, 6).Select(_ => AddressOf(queue))];
        int running = 0;
        await Task.WhenAll(Enumerable.Range(0, 24).Select(worker => Task.Run(async () =>
        {
            Share session = SessionOf(addresses[worker % addresses.Length]);
            var random = new Random(seed * 100 + worker);
            for (int round = 0; round < 50; round++)
            {
                using var stop = new CancellationTokenSource();
                if (random.Next(4) == 0)
                {
                    stop.CancelAfter(random.Next(3));
                }

                try
                {
                    using Turn turn = await queue.TakeAsync(session, stop.Token);
                    Assert.InRange(Interlocked.Increment(ref running), 1, 4);
                    Thread.SpinWait(random.Next(1000));
                    Interlocked.Decrement(ref running);
                }
                catch (OperationCanceledException)
                {
                    // It gave up.
                }
            }
        }))).WaitAsync(Eventually.Patience);
        Assert.Equal((0, 0), (queue.Running, queue.Waiting));
        Assert.All(addresses, address => Assert.Equal(0, address.Running));
    }

    private static Share AddressOf(TurnQueue queue) => new(queue.Root);

    private static Share SessionOf(Share address) => new(address);
}
