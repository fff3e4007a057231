using Popcorn.Engine.Resources;
using Popcorn.Interop;
using Popcorn.Tests;

namespace Popcorn.Engine.Tests.Resources;

public sealed class TableCacheTests : IDisposable
{
    private const long Memory = 200;
    private static readonly TimeSpan Soon = TimeSpan.FromMilliseconds(50);

    private readonly ServerResources _server = new(Memory, queueTimeout: Eventually.Patience);

    /// <summary>Where whoever gets no memory is to be told so.</summary>
    private readonly ServerResources _hasty = new(Memory, queueTimeout: Soon);

    public void Dispose()
    {
        _server.Dispose();
        _hasty.Dispose();
    }

    [Fact]
    public async Task Sessions_of_one_key_wait_for_one_build()
    {
        int builds = 0;
        using var built = new ManualResetEventSlim();
        Tables Build(Execution execution)
        {
            Interlocked.Increment(ref builds);
            Assert.True(built.Wait(Eventually.Patience));
            return new Tables();
        }

        Task<TableLease<Tables>>[] rents =
            [.. Enumerable.Range(0, 3).Select(_ => Session().RentTablesAsync("key", 10, Build, default))];
        built.Set();
        TableLease<Tables>[] leases = await Task.WhenAll(rents).WaitAsync(Eventually.Patience);
        Assert.Equal(1, builds);
        Assert.Single(leases.Select(lease => lease.Tables).Distinct());
        Assert.Equal((10, 1, 10), UseOf());

        // They stay while they are used, and are kept for the next one.
        Array.ForEach(leases, lease => lease.Dispose());
        leases[0].Dispose(); // twice is once
        using TableLease<Tables> again = await Session().RentTablesAsync("key", 10, Build, default);
        Assert.Same(leases[0].Tables, again.Tables);
        Assert.False(again.Tables.Disposed);
        Assert.Equal(1, builds);
    }

    [Fact]
    public async Task Unused_tables_go_where_memory_is_wanted_and_used_ones_stay()
    {
        SessionResources client = Session();
        TableLease<Tables> used = await client.RentTablesAsync("used", 20, New, default);
        TableLease<Tables> unused = await client.RentTablesAsync("unused", 20, New, default);
        unused.Dispose();
        using (await Session().ReserveAsync(80, "a query", default))
        {
            Assert.False(unused.Tables.Disposed);
            using MemoryReservation more = await Session().ReserveAsync(45, "a query", default);
            Assert.True(unused.Tables.Disposed);
            Assert.False(used.Tables.Disposed);

            // And at once, where somebody waits when they come out of use.
            Task<MemoryReservation> waiting = Session().ReserveAsync(30, "a query", default).AsTask();
            used.Dispose();
            Assert.True(used.Tables.Disposed);
            (await waiting).Dispose();
        }

        Assert.Equal((0, 0, 0), UseOf());
    }

    [Fact]
    public async Task Nobody_makes_room_at_the_cost_of_those_who_are_there_and_have_less()
    {
        ClientAccount present = _hasty.TryEnter("192.0.2.1", 1)!;
        var modest = new SessionResources(_hasty, present, threads: 0);
        TableLease<Tables> tables = await modest.RentTablesAsync("key", 20, New, default);
        tables.Dispose();
        SessionResources greedy = Session(_hasty);
        using MemoryReservation first = await greedy.ReserveAsync(85, "a query", default);
        await Assert.ThrowsAsync<PopcornException>(
            async () => await greedy.ReserveAsync(10, "another", default));
        Assert.False(tables.Tables.Disposed);

        // Who has left needs them no more.
        _hasty.Leave(present);
        using MemoryReservation second = await greedy.ReserveAsync(10, "another", default);
        Assert.True(tables.Tables.Disposed);
    }

    [Fact]
    public async Task Who_has_as_much_as_it_may_makes_room_by_its_own_alone()
    {
        ClientAccount limited = _hasty.TryEnter("192.0.2.1", 1, new ClientAllowance { MemoryBytes = 30 })!;
        var session = new SessionResources(_hasty, limited, threads: 0);
        TableLease<Tables> others = await Session(_hasty).RentTablesAsync("theirs", 10, New, default);
        TableLease<Tables> tables = await session.RentTablesAsync("key", 20, New, default);
        others.Dispose();
        tables.Dispose();
        using (await session.ReserveAsync(25, "a query", default))
        {
            Assert.True(tables.Tables.Disposed);
            Assert.False(others.Tables.Disposed);
            await Assert.ThrowsAsync<PopcornException>(async () => await session.ReserveAsync(10, "another", default));
            Assert.False(others.Tables.Disposed);
        }

        _hasty.Leave(limited);
    }

    [Fact]
    public async Task Tables_without_room_are_refused_and_tried_again_next_time()
    {
        using MemoryReservation half = await Session(_hasty).ReserveAsync(100, "a query", default);
        using (await Session(_hasty).ReserveAsync(50, "a query", default))
        using (await Session(_hasty).ReserveAsync(25, "a query", default))
        {
            PopcornException e = await Assert.ThrowsAsync<PopcornException>(
                () => Session(_hasty).RentTablesAsync("key", 13, New, default));
            Assert.Equal(Refusal.Memory, e.Refusal);
        }

        using TableLease<Tables> tables = await Session(_hasty).RentTablesAsync("key", 13, New, default);
        Assert.Equal(113, _hasty.Memory.Reserved);
    }

    [Fact]
    public async Task A_build_that_fails_gives_its_memory_back()
    {
        await Assert.ThrowsAsync<PopcornException>(() => Session().RentTablesAsync<Tables>(
            "key", 10, _ => throw new PopcornException("no"), default));
        Assert.Equal((0, 0, 0), UseOf());
    }

    [Fact]
    public async Task A_build_that_nobody_waits_for_any_more_is_stopped()
    {
        using var stop = new CancellationTokenSource();
        var begun = new TaskCompletionSource();
        var stopped = new TaskCompletionSource();
        Tables Build(Execution execution)
        {
            begun.SetResult();
            execution.CancellationToken.WaitHandle.WaitOne(Eventually.Patience);
            stopped.SetResult();
            execution.CancellationToken.ThrowIfCancellationRequested();
            return new Tables();
        }

        Task<TableLease<Tables>> rent = Session().RentTablesAsync("key", 10, Build, stop.Token);
        await begun.Task.WaitAsync(Eventually.Patience);
        Assert.Equal(10, _server.Memory.Reserved);
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => rent);
        await stopped.Task.WaitAsync(Eventually.Patience);

        // Whoever comes now builds anew, and what the other build had reserved comes back when it has ended.
        using TableLease<Tables> next = await Session().RentTablesAsync("key", 10, New, default);
        await Eventually.EqualAsync((10, 1, 10), UseOf);
    }

    [Fact]
    public async Task Tables_are_dropped_when_nobody_comes_for_them()
    {
        using var server = new ServerResources(100, keepTables: Soon);
        var session = new SessionResources(server, server.NewAccount(), threads: 0);
        TableLease<Tables> lease = await session.RentTablesAsync("key", 10, New, default);
        lease.Dispose();
        await Eventually.IsTrueAsync(() => lease.Tables.Disposed, "The tables are kept.");
        Assert.Equal(0, server.Use.Tables);
    }

    [Fact]
    public async Task A_server_that_ends_drops_its_tables()
    {
        TableLease<Tables> unused = await Session().RentTablesAsync("unused", 10, New, default);
        TableLease<Tables> used = await Session().RentTablesAsync("used", 10, New, default);
        unused.Dispose();
        _server.Dispose();
        Assert.True(unused.Tables.Disposed);
        Assert.False(used.Tables.Disposed);
        used.Dispose();
        Assert.True(used.Tables.Disposed);
        Assert.Equal(0, _server.Memory.Reserved);
    }

    private static Tables New(Execution execution) => new();

    private SessionResources Session() => Session(_server);

    private static SessionResources Session(ServerResources server) => new(server, server.NewAccount(), threads: 0);

    private (long Reserved, int Tables, long TableBytes) UseOf()
    {
        ResourceUse use = _server.Use;
        return (use.MemoryReserved, use.Tables, use.TableBytes);
    }

    private sealed class Tables : IDisposable
    {
        private volatile bool _disposed;

        public bool Disposed => _disposed;

        public void Dispose() => _disposed = true;
    }
}
