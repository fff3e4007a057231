namespace Popcorn.Engine.Resources;

/// <summary>
/// Sessions compute in turns, so that many of them, or heavy ones, do not starve another: a turn is what a session does
/// between two messages of its client. Thread-safe.
/// </summary>
/// <remarks>
/// A number of turns run at a time. Who waits begins when one ends: the address with the fewest turns, among those that
/// which has used the least time, then its session that has used the least. Turns are not interrupted; but where none
/// has ended for a while, the next address that has none begins beside them, so that nobody waits for the long layers
/// of strangers: the system divides the cores among them.
/// </remarks>
/// <param name="places">Turns at a time.</param>
/// <param name="most">Turns at a time, with those that began beside long ones.</param>
internal sealed class TurnQueue(int places, int most)
{
    /// <summary>How long a queue may stand still: longer than a chunk takes, and not felt by a person.</summary>
    private static readonly TimeSpan Standstill = TimeSpan.FromMilliseconds(20);

    private readonly Lock _lock = new();
    private readonly List<Waiter> _waiting = []; // in order of arrival
    private Timer? _timer;

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
            if (Root.Running < places)
            {
                return ValueTask.FromResult(Start(session));
            }

            waiter = new Waiter(session);
            _waiting.Add(waiter);
            if (_waiting.Count == 1)
            {
                Watch();
            }
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
            if (Root.Running < places && _waiting.MinBy(Order) is Waiter next)
            {
                Start(next);
            }

            Watch();
        }
    }

    private static (int, double, double) Order(Waiter waiter) =>
        (waiter.Session.Parent!.Running, waiter.Session.Parent.Used, waiter.Session.Used);

    private Turn Start(Share session)
    {
        session.Start();
        return new Turn(this, session);
    }

    private void Start(Waiter waiter)
    {
        _waiting.Remove(waiter);
        waiter.Started.SetResult(Start(waiter.Session));
    }

    /// <summary>From now on the queue is watched for a standstill.</summary>
    private void Watch()
    {
        if (_waiting.Count > 0 && most > places)
        {
            _timer ??= new Timer(_ => StartBeside());
            _timer.Change(Standstill, Timeout.InfiniteTimeSpan);
        }
    }

    private void StartBeside()
    {
        lock (_lock)
        {
            if (Root.Running < most
                && _waiting.Where(waiter => waiter.Session.Parent!.Running == 0).MinBy(Order) is Waiter next)
            {
                Start(next);
            }

            Watch();
        }
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
