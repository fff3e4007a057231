using Popcorn.Engine.Resources;

namespace Popcorn.Engine.Sessions;

/// <summary>
/// A session's turn to compute: given up while it waits for its client, and for the next one. Steps, or the halves
/// of one, that run side by side share the turn: it ends when the first of them waits, and whoever comes back first
/// takes the next. So the others may compute for a message's time without a turn; never do they have one each.
/// </summary>
/// <param name="resources">Where turns come from.</param>
/// <param name="cancellationToken">Ends the wait for a turn.</param>
internal sealed class SessionPace(SessionResources resources, CancellationToken cancellationToken) : IDisposable
{
    private readonly SemaphoreSlim _taking = new(1, 1);
    private Turn? _turn;

    /// <summary>Waits for a turn, if the session has none.</summary>
    public async ValueTask ResumeAsync()
    {
        if (Volatile.Read(ref _turn) is not null)
        {
            return;
        }

        await _taking.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            if (Volatile.Read(ref _turn) is null)
            {
                Volatile.Write(ref _turn, await resources.TakeTurnAsync(cancellationToken).ConfigureAwait(false));
            }
        }
        finally
        {
            _taking.Release();
        }
    }

    /// <summary>Gives the turn up, if the session has one.</summary>
    public void Rest() => Interlocked.Exchange(ref _turn, null)?.Dispose();

    /// <inheritdoc/>
    public void Dispose()
    {
        Rest();
        _taking.Dispose();
    }
}
