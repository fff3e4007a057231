using Popcorn.Interop;

namespace Popcorn.Engine.Resources;

/// <summary>
/// Tables that several sessions of a server share: built once while anybody wants them, kept for a while when nobody
/// uses them, and given up before that where memory is asked for. Thread-safe.
/// </summary>
/// <param name="budget">Where their memory is reserved.</param>
/// <param name="builds">One build at a time, in turns.</param>
/// <param name="keep">How long unused tables are kept.</param>
internal sealed class TableCache(MemoryBudget budget, TurnQueue builds, TimeSpan keep) : IDisposable
{
    private readonly Lock _lock = new();
    private readonly Dictionary<string, Entry> _entries = new(StringComparer.Ordinal);
    private readonly LinkedList<Entry> _unused = new(); // the longest unused first
    private Timer? _timer;
    private bool _disposed;

    /// <summary>Tables held, and the bytes of them.</summary>
    public (int Count, long Bytes) Held
    {
        get
        {
            lock (_lock)
            {
                Entry[] built = [.. _entries.Values.Where(entry => entry.Tables is not null)];
                return (built.Length, built.Sum(entry => entry.Reservation!.Bytes));
            }
        }
    }

    /// <summary>Uses tables; builds them where there are none.</summary>
    /// <param name="name">What they are tables of.</param>
    /// <param name="bytes">Memory that they take.</param>
    /// <param name="session">Who asks, and on whose account they go.</param>
    /// <param name="build">Builds them, with threads and a token that it is told.</param>
    /// <param name="cancellationToken">Gives up; the build goes on while others wait for it.</param>
    /// <exception cref="PopcornException">There is no memory for them.</exception>
    public async Task<TableLease<T>> RentAsync<T>(
        string name, long bytes, SessionResources session, Func<Execution, T> build,
        CancellationToken cancellationToken)
        where T : class, IDisposable
    {
        Entry entry;
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            if (!_entries.TryGetValue(name, out entry!))
            {
                entry = new Entry(name);
                _entries.Add(name, entry);
                entry.Building = Task.Run(() => BuildAsync(entry, bytes, session, build), CancellationToken.None);
            }

            if (entry.Users++ == 0)
            {
                _unused.Remove(entry);
            }
        }

        try
        {
            await entry.Building.WaitAsync(cancellationToken).ConfigureAwait(false);
            return new TableLease<T>((T)entry.Tables!, () => Return(entry));
        }
        catch
        {
            Return(entry);
            throw;
        }
    }

    /// <summary>Gives up the tables that were not used for the longest time; false where all are in use.</summary>
    /// <param name="client">
    /// In whose favour: tables of those who are there, and have less, stay. Null: any tables go.
    /// </param>
    /// <param name="own">Only that client's own.</param>
    public bool EvictOne(ClientAccount? client = null, bool own = false)
    {
        Entry? evicted;
        lock (_lock)
        {
            evicted = _unused.FirstOrDefault(entry => client is null
                || (own
                    ? entry.Owner == client
                    : entry.Owner.Connections == 0 || entry.Owner.Reserved >= client.Reserved));
            if (evicted is not null)
            {
                Remove(evicted);
            }
        }

        evicted?.Dispose();
        return evicted is not null;
    }

    /// <summary>Gives up unused tables; those in use go when they are returned.</summary>
    public void Dispose()
    {
        lock (_lock)
        {
            _disposed = true;
        }

        _timer?.Dispose();
        while (EvictOne())
        {
        }
    }

    private async Task BuildAsync<T>(Entry entry, long bytes, SessionResources session, Func<Execution, T> build)
        where T : class, IDisposable
    {
        CancellationToken abandoned = entry.Abandoned.Token;
        MemoryReservation? reservation = null;
        try
        {
            reservation = await budget.ReserveAsync(session.Client, bytes, "the tables of a key", abandoned)
                .ConfigureAwait(false);
            T tables;
            using (await builds.TakeAsync(session.Builds, abandoned).ConfigureAwait(false))
            {
                tables = build(new Execution(session.BuildThreads, abandoned));
            }

            lock (_lock)
            {
                entry.Reservation = reservation;
                entry.Tables = tables;
                if (entry.Users > 0)
                {
                    return;
                }
            }

            // The last who wanted them gave up at this moment.
            entry.Dispose();
        }
        catch
        {
            reservation?.Dispose();
            lock (_lock)
            {
                Remove(entry);
            }

            throw;
        }
    }

    private void Return(Entry entry)
    {
        bool abandoned;
        lock (_lock)
        {
            if (--entry.Users > 0)
            {
                return;
            }

            abandoned = entry.Tables is null;
            if (abandoned)
            {
                Remove(entry);
            }
            else
            {
                entry.UnusedSince = Environment.TickCount64;
                _unused.AddLast(entry);
                Schedule();
            }
        }

        if (abandoned)
        {
            entry.Abandoned.Cancel();
        }
        else if (_disposed)
        {
            Dispose();
        }
        else
        {
            budget.Offer();
        }
    }

    private void Remove(Entry entry)
    {
        _unused.Remove(entry);
        if (_entries.GetValueOrDefault(entry.Name) == entry)
        {
            _entries.Remove(entry.Name);
        }
    }

    /// <summary>The timer runs while there is something to drop: a cache that is forgotten can be collected.</summary>
    private void Schedule()
    {
        if (!_disposed && _unused.First?.Value is Entry first)
        {
            TimeSpan left = keep - TimeSpan.FromMilliseconds(Environment.TickCount64 - first.UnusedSince);
            _timer ??= new Timer(_ => DropOld());
            _timer.Change(left > TimeSpan.Zero ? left : TimeSpan.Zero, Timeout.InfiniteTimeSpan);
        }
    }

    private void DropOld()
    {
        while (true)
        {
            lock (_lock)
            {
                if (_unused.First?.Value is not Entry first
                    || TimeSpan.FromMilliseconds(Environment.TickCount64 - first.UnusedSince) < keep)
                {
                    Schedule();
                    return;
                }
            }

            EvictOne();
        }
    }

    private sealed class Entry(string name) : IDisposable
    {
        public string Name => name;

        /// <summary>Cancelled when nobody wants tables that are not built yet.</summary>
        public CancellationTokenSource Abandoned { get; } = new();

        /// <summary>Completes when they are built.</summary>
        public Task Building { get; set; } = Task.CompletedTask;

        public int Users { get; set; }

        public long UnusedSince { get; set; }

        public IDisposable? Tables { get; set; }

        public MemoryReservation? Reservation { get; set; }

        public ClientAccount Owner => Reservation!.Client;

        public void Dispose()
        {
            Tables?.Dispose();
            Reservation?.Dispose();
        }
    }
}
