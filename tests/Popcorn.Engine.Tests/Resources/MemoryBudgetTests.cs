using Popcorn.Engine.Resources;
using Popcorn.Tests;

namespace Popcorn.Engine.Tests.Resources;

public class MemoryBudgetTests
{
    private static readonly TimeSpan Soon = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan Later = Eventually.Patience;

    private readonly ServerResources _accounts = new();

    [Fact]
    public async Task What_can_never_fit_is_refused_at_once()
    {
        var budget = new MemoryBudget(100 << 20, Later);
        PopcornException e = await Assert.ThrowsAsync<PopcornException>(
            async () => await budget.ReserveAsync(Client(), (50 << 20) + 1, "9 images", default));
        Assert.Equal(Refusal.TooLarge, e.Refusal);
        Assert.Contains("allows a client 50 MiB and 9 images would take 51;", e.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', e.Message);
        Assert.Equal(0, budget.Reserved);
    }

    [Fact]
    public async Task What_does_not_fit_now_waits_and_is_told_so_in_the_end()
    {
        var budget = new MemoryBudget(100, Soon);
        using MemoryReservation first = await budget.ReserveAsync(Client(), 50, "a", default);
        using MemoryReservation second = await budget.ReserveAsync(Client(), 20, "b", default);
        PopcornException e = await Assert.ThrowsAsync<PopcornException>(
            async () => await budget.ReserveAsync(Client(), 16, "c", default));
        Assert.Equal(Refusal.Memory, e.Refusal);
        Assert.Contains("try again later", e.Message, StringComparison.Ordinal);
        Assert.Equal((70, 0), (budget.Reserved, budget.Waiting));
    }

    [Fact]
    public async Task Who_waits_is_served_when_memory_comes_back()
    {
        var budget = new MemoryBudget(100, Later);
        MemoryReservation first = await budget.ReserveAsync(Client(), 50, "a", default);
        using MemoryReservation second = await budget.ReserveAsync(Client(), 20, "b", default);
        Task<MemoryReservation> waiting = budget.ReserveAsync(Client(), 20, "c", default).AsTask();
        Assert.Equal(1, budget.Waiting);

        // A smaller one need not wait behind it.
        using (await budget.ReserveAsync(Client(), 10, "d", default))
        {
            Assert.False(waiting.IsCompleted);
        }

        first.Dispose();
        first.Dispose(); // twice is once
        using MemoryReservation third = await waiting.WaitAsync(Later);
        Assert.Equal((40, 0), (budget.Reserved, budget.Waiting));
    }

    [Fact]
    public async Task An_address_gets_no_more_than_it_leaves_free()
    {
        var budget = new MemoryBudget(100, Soon);
        ClientAccount client = Client();
        using MemoryReservation first = await budget.ReserveAsync(client, 50, "a", default);
        await Assert.ThrowsAsync<PopcornException>(async () => await budget.ReserveAsync(client, 1, "b", default));
        ClientAccount other = Client();
        using MemoryReservation second = await budget.ReserveAsync(other, 20, "c", default);
        Assert.Null(budget.TryReserve(other, 6));
        using MemoryReservation third = await budget.ReserveAsync(other, 5, "c", default);
        using MemoryReservation last = await budget.ReserveAsync(Client(), 12, "d", default);
        Assert.Equal(87, budget.Reserved);
    }

    [Fact]
    public async Task What_is_kept_without_need_is_given_up_first()
    {
        var budget = new MemoryBudget(100, Soon);
        ClientAccount keeper = Client();
        var kept = new Stack<MemoryReservation>();
        for (int i = 0; i < 5; i++)
        {
            kept.Push(await budget.ReserveAsync(keeper, 10, "a", default));
        }

        List<ClientAccount> asked = [];
        budget.Reclaim = (client, _) =>
        {
            asked.Add(client);
            bool any = kept.TryPop(out MemoryReservation? one);
            one?.Dispose();
            return any;
        };
        using (await budget.ReserveAsync(Client(), 30, "b", default))
        using (await budget.ReserveAsync(Client(), 20, "c", default))
        {
            Assert.Equal((3, 80), (kept.Count, budget.Reserved));
            Assert.DoesNotContain(keeper, asked);
        }

        using MemoryReservation own = await budget.ReserveAsync(keeper, 40, "d", default);
        Assert.Equal(keeper, asked[^1]);
        Assert.Equal((1, 50), (kept.Count, budget.Reserved));
    }

    [Fact]
    public async Task Who_may_have_less_gets_no_more_and_takes_nothing_from_others()
    {
        var budget = new MemoryBudget(100 << 20, Soon);
        ClientAccount client = Client();
        client.Allowance = new ClientAllowance { MemoryBytes = 20 << 20 };
        List<bool> own = [];
        budget.Reclaim = (_, isOwn) =>
        {
            own.Add(isOwn);
            return false;
        };
        PopcornException never = await Assert.ThrowsAsync<PopcornException>(
            async () => await budget.ReserveAsync(client, (20 << 20) + 1, "9 images", default));
        Assert.Equal(Refusal.TooLarge, never.Refusal);
        Assert.Contains("allows a client 20 MiB and", never.Message, StringComparison.Ordinal);

        MemoryReservation first = await budget.ReserveAsync(client, 15 << 20, "a", default);
        PopcornException later = await Assert.ThrowsAsync<PopcornException>(
            async () => await budget.ReserveAsync(client, 6 << 20, "b", default));
        Assert.Equal(Refusal.Memory, later.Refusal);
        Assert.NotEmpty(own);
        Assert.All(own, Assert.True);
        using (await budget.ReserveAsync(Client(), 40 << 20, "others", default))
        {
            first.Dispose();
            using MemoryReservation second = await budget.ReserveAsync(client, 20 << 20, "b", default);
        }

        Assert.Equal((0, 0), (budget.Reserved, budget.Waiting));
    }

    [Fact]
    public async Task Giving_up_leaves_nothing_behind()
    {
        var budget = new MemoryBudget(100, Later);
        MemoryReservation all = await budget.ReserveAsync(Client(), 50, "a", default);
        MemoryReservation rest = await budget.ReserveAsync(Client(), 25, "a", default);
        using var stop = new CancellationTokenSource();
        Task<MemoryReservation> waiting = budget.ReserveAsync(Client(), 13, "b", stop.Token).AsTask();
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting);
        all.Dispose();
        rest.Dispose();
        Assert.Equal((0, 0), (budget.Reserved, budget.Waiting));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public async Task Random_sequences_never_exceed_it_and_lose_nothing(int seed)
    {
        const int Bytes = 1000;
        var budget = new MemoryBudget(Bytes, TimeSpan.FromMilliseconds(20));
        ClientAccount[] clients = [.. Enumerable.Range(0, 4).Select(_ => Client())];
        long[] held = new long[clients.Length];
        int served = 0;
        int refused = 0;
        await Task.WhenAll(Enumerable.Range(0, 16).Select(worker => Task.Run(async () =>
        {
            var random = new Random(seed * 100 + worker);
            for (int round = 0; round < 60; round++)
            {
                int client = random.Next(clients.Length);
                long bytes = random.Next(4) == 0 ? random.Next(Bytes) : random.Next(Bytes / 10);
                using var stop = new CancellationTokenSource();
                if (random.Next(8) == 0)
                {
                    stop.CancelAfter(random.Next(5));
                }

                try
                {
                    using MemoryReservation part = random.Next(3) == 0
                        ? budget.TryReserve(clients[client], bytes) ?? throw new PopcornException("not now")
                        : await budget.ReserveAsync(clients[client], bytes, "this", stop.Token);
                    Assert.InRange(Interlocked.Add(ref held[client], bytes), 0, Bytes / 2);
                    Assert.InRange(budget.Reserved, bytes, Bytes);
                    await Task.Delay(random.Next(3));
                    Interlocked.Add(ref held[client], -bytes);
                    Interlocked.Increment(ref served);
                }
                catch (Exception e) when (e is PopcornException or OperationCanceledException)
                {
                    Interlocked.Increment(ref refused);
                }
            }
        })));
        Assert.Equal((0, 0), (budget.Reserved, budget.Waiting));
        Assert.True(served > 100 && refused > 10, $"{served} served, {refused} refused");

        // All of it can be had again, by each client up to its half.
        foreach (ClientAccount client in clients)
        {
            using MemoryReservation? half = budget.TryReserve(client, Bytes / 2);
            Assert.NotNull(half);
        }
    }

    private ClientAccount Client() => _accounts.NewAccount();
}
