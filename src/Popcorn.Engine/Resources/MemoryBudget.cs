namespace Popcorn.Engine.Resources;

/// <summary>
/// The memory that the sessions of a server may take together. Whoever is about to allocate reserves first: what can
/// never fit is refused, what does not fit now waits for a while, and what is reserved comes back when the reservation
/// is disposed. Thread-safe.
/// </summary>
/// <remarks>
/// The clients of one address have no more together than is left free: one address alone gets half; n that want all get
/// one part each of n + 1, and the last part is there for whoever comes. Small requests overtake large ones that wait:
/// behind a request that may get no room for a while everybody would wait, and it is told so in the end anyway.
/// </remarks>
public sealed class MemoryBudget
{
    private readonly Lock _lock = new();
    private readonly LinkedList<Waiter> _waiting = new(); // in order of arrival
    private readonly TimeSpan _patience;
    private long _reserved;

    /// <summary>Makes a budget of which nothing is taken.</summary>
    /// <param name="bytes">Bytes in all.</param>
    /// <param name="patience">How long a request that does not fit waits for room.</param>
    public MemoryBudget(long bytes, TimeSpan patience)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(bytes);
        ArgumentOutOfRangeException.ThrowIfLessThan(patience, TimeSpan.Zero);
        Bytes = bytes;
        _patience = patience;
    }

    /// <summary>Half of the memory that this process may use; a container's limit counts.</summary>
    public static long DefaultBytes => GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / 2;

    /// <summary>Bytes in all.</summary>
    public long Bytes { get; }

    /// <summary>Bytes that the clients of one address may have together, where there are no others.</summary>
    public long BytesOfClient => Bytes / 2;

    /// <summary>Bytes that are taken.</summary>
    public long Reserved => Volatile.Read(ref _reserved);

    /// <summary>Requests that wait for room.</summary>
    public int Waiting
    {
        get
        {
            lock (_lock)
            {
                return _waiting.Count;
            }
        }
    }

    /// <summary>
    /// Gives up something that is kept without need, in favour of a client, and disposes its reservation; only what is
    /// the client's own, where that is asked for; false where there is nothing.
    /// </summary>
    internal Func<ClientAccount, bool, bool>? Reclaim { get; set; }

    /// <summary>Takes a part, at once or when it is free.</summary>
    /// <param name="client">Who asks.</param>
    /// <param name="bytes">How much, 0 or more.</param>
    /// <param name="what">What for, as messages tell it: <c>3 images</c>.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>What the caller disposes as soon as the memory is free again.</returns>
    /// <exception cref="PopcornException">
    /// It can never fit (<see cref="Refusal.TooLarge"/>), or no room came in time (<see cref="Refusal.Memory"/>).
    /// </exception>
    public async ValueTask<MemoryReservation> ReserveAsync(
        ClientAccount client, long bytes, string what, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(client);
        long most = Math.Min(BytesOfClient, client.Allowance.MemoryBytes);
        if (bytes > most)
        {
            throw new PopcornException(
                $"This server allows a client {most >> 20} MiB and {what} would take {InMebibytes(bytes)}; "
                + "send fewer images at once, or take a smaller key.")
            {
                Refusal = Refusal.TooLarge,
            };
        }

        if (TryReserve(client, bytes) is MemoryReservation reserved)
        {
            return reserved;
        }

        Waiter waiter = Enqueue(client, bytes);

        // Once more: what went out of use while this request was about to queue saw nobody waiting.
        MakeRoomFor(waiter);
        try
        {
            return await waiter.Granted.Task.WaitAsync(_patience, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception e) when (e is TimeoutException or OperationCanceledException)
        {
            if (!Forget(waiter))
            {
                // It was granted just now.
                (await waiter.Granted.Task.ConfigureAwait(false)).Dispose();
            }

            cancellationToken.ThrowIfCancellationRequested();
            throw new PopcornException(
                $"The server is busy: it has no {InMebibytes(bytes)} MiB free for {what}; try again later.", e)
            {
                Refusal = Refusal.Memory,
            };
        }
    }

    /// <summary>Takes a part if it is free, or becomes free by giving up what is kept without need.</summary>
    /// <returns>The reservation, or null.</returns>
    public MemoryReservation? TryReserve(ClientAccount client, long bytes)
    {
        ArgumentNullException.ThrowIfNull(client);
        ArgumentOutOfRangeException.ThrowIfNegative(bytes);
        do
        {
            lock (_lock)
            {
                if (Take(client, bytes))
                {
                    return new MemoryReservation(this, client, bytes);
                }
            }
        }
        while (MakesRoom(client, bytes));
        return null;
    }

    /// <summary>Something is from now on kept without need: whoever waits may have its memory.</summary>
    internal void Offer()
    {
        Waiter[] waiting;
        lock (_lock)
        {
            waiting = [.. _waiting];
        }

        Array.ForEach(waiting, MakeRoomFor);
    }

    /// <summary>Gives a part back, and lets those in who wait for it.</summary>
    internal void Return(ClientAccount client, long bytes)
    {
        lock (_lock)
        {
            _reserved -= bytes;
            client.Reserved -= bytes;
            LinkedListNode<Waiter>? next;
            for (LinkedListNode<Waiter>? node = _waiting.First; node is not null; node = next)
            {
                next = node.Next;
                Waiter waiter = node.Value;
                if (Take(waiter.Client, waiter.Bytes))
                {
                    _waiting.Remove(node);
                    waiter.Granted.SetResult(new MemoryReservation(this, waiter.Client, waiter.Bytes));
                }
            }
        }
    }

    private void MakeRoomFor(Waiter waiter)
    {
        while (!waiter.Granted.Task.IsCompleted && MakesRoom(waiter.Client, waiter.Bytes))
        {
        }
    }

    /// <summary>Gives up something. A client that has as much as it may have itself does not gain by what others lose.
    /// </summary>
    private bool MakesRoom(ClientAccount client, long bytes)
    {
        bool own;
        lock (_lock)
        {
            own = client.Reserved + bytes > client.Allowance.MemoryBytes;
        }

        return Reclaim?.Invoke(client, own) == true;
    }

    private bool Take(ClientAccount client, long bytes)
    {
        long free = Bytes - _reserved - bytes;
        if (client.Reserved + bytes > Math.Min(free, client.Allowance.MemoryBytes))
        {
            return false;
        }

        _reserved += bytes;
        client.Reserved += bytes;
        return true;
    }

    private Waiter Enqueue(ClientAccount client, long bytes)
    {
        var waiter = new Waiter(client, bytes);
        lock (_lock)
        {
            if (Take(client, bytes))
            {
                waiter.Granted.SetResult(new MemoryReservation(this, client, bytes));
            }
            else
            {
                _waiting.AddLast(waiter);
            }
        }

        return waiter;
    }

    private bool Forget(Waiter waiter)
    {
        lock (_lock)
        {
            return _waiting.Remove(waiter);
        }
    }

    private static long InMebibytes(long bytes) => (bytes + (1 << 20) - 1) >> 20;

    private sealed class Waiter(ClientAccount client, long bytes)
    {
        public ClientAccount Client => client;

        public long Bytes => bytes;

        public TaskCompletionSource<MemoryReservation> Granted { get; } =
            new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
