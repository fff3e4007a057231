namespace Popcorn.Engine.Resources;

/// <summary>
/// Sessions compute in turns, so that many of them, or heavy ones, do not starve another: a turn is what a session does
/// between two messages of its client. Thread-safe.
/// </summary>
/// <remarks>
/// As many turns as there are cores run at a time, whoever asks; beyond that an address that has none running may begin
/// one at once, so that nobody waits for the long layers of strangers: the system divides the cores among them. Where
/// neither is so, the address with the fewest turns begins next, and among those the one that has used the least time,
/// then its session that has used the least. Turns are not interrupted.
/// </remarks>
/// <param name="places">Turns at a time.</param>
/// <param name="most">Turns at a time, those of addresses included that have no other.</param>
internal sealed class TurnQueue(int places, int most)
{
    private readonly Lock _lock = new();
    private readonly List<Waiter> _waiting = []; // in order of arrival

    /// <summary>The parent of all addresses.</summary>
    public Share Root { get; } = new(null);

    /// <summary>Turns that are running.</summary>
    public int Running => Root.Running;

    /// <summary>Turns that are waited for.</summary>
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

    /// <summary>Begins a turn, at once or when it is due.</summary>
    /// <param name="session">Whose: a child of an address's share of this queue.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>What the caller disposes at the turn's end.</returns>
    public ValueTask<Turn> TakeAsync(Share session, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        Waiter waiter;
        lock (_lock)
        {
            session.Enter();
            if (MayStart(session))
            {
                return ValueTask.FromResult(Start(session));
            }

            waiter = new Waiter(session);
            _waiting.Add(waiter);
        }

        return WaitAsync(waiter, cancellationToken);
    }

    /// <summary>Ends a turn and begins those that are due.</summary>
    internal void End(Share session, double seconds)
    {
        lock (_lock)
        {
            session.Stop(seconds);
            session.Leave();
            StartWaiting();
        }
    }

    private bool MayStart(Share session) =>
        Root.Running < places || (Root.Running < most && session.Parent!.Running == 0);

    private Turn Start(Share session)
    {
        session.Start();
        return new Turn(this, session);
    }

    private void StartWaiting()
    {
        while (_waiting.Where(waiter => MayStart(waiter.Session)).MinBy(Order) is Waiter next)
        {
            _waiting.Remove(next);
            next.Started.SetResult(Start(next.Session));
        }

        static (int, double, double) Order(Waiter waiter) =>
            (waiter.Session.Parent!.Running, waiter.Session.Parent.Used, waiter.Session.Used);
    }

    private async ValueTask<Turn> WaitAsync(Waiter waiter, CancellationToken cancellationToken)
    {
        try
        {
            return await waiter.Started.Task.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            bool waited;
            lock (_lock)
            {
                waited = _waiting.Remove(waiter);
                if (waited)
                {
                    waiter.Session.Leave();
                }
            }

            if (!waited)
            {
                // It began just now.
                (await waiter.Started.Task.ConfigureAwait(false)).Dispose();
            }

            throw;
        }
    }

    private sealed class Waiter(Share session)
    {
        public Share Session => session;

        public TaskCompletionSource<Turn> Started { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
