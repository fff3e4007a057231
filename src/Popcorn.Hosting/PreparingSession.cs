using Popcorn.Engine;
using Popcorn.Engine.Sessions;

namespace Popcorn.Hosting;

/// <summary>
/// A session that prepares queries while none is asked, so that the next is quick. It does one thing at a time over its
/// connection: a query waits for the preparation that runs, which is never broken off half way, and goes before those
/// that are still to come. In a family that works online only there is nothing to prepare.
/// </summary>
public sealed class PreparingSession : IAsyncDisposable
{
    private readonly ClientSession _session;
    private readonly int _ahead;
    private readonly int _images;
    private readonly SemaphoreSlim _turn = new(1, 1); // whoever has it may use the session, and the fields below
    private readonly CancellationTokenSource _end = new();
    private PopcornException? _failure;
    private Task _preparing = Task.CompletedTask;
    private bool _isPreparing;
    private int _disposed;

    /// <summary>Takes a session over and begins to prepare.</summary>
    /// <param name="session">The session, which is disposed with this.</param>
    /// <param name="ahead">Queries to keep prepared, at most; no more than the server keeps.</param>
    /// <param name="images">Images of each of them; a query of another number is prepared as it is asked.</param>
    public PreparingSession(ClientSession session, int ahead, int images = 1)
    {
        ArgumentNullException.ThrowIfNull(session);
        ArgumentOutOfRangeException.ThrowIfNegative(ahead);
        ArgumentOutOfRangeException.ThrowIfLessThan(images, 1);
        _session = session;
        _ahead = session.CanPrepare ? Math.Min(ahead, session.MaxPrepared) : 0;
        _images = images;
        PrepareBesides();
    }

    /// <summary>The session, for what it says of itself; queries go through this object.</summary>
    public ClientSession Session => _session;

    /// <summary>Whether another query may go well: nothing has failed yet.</summary>
    public bool IsUsable => Volatile.Read(ref _failure) is null && _session.IsUsable;

    /// <summary>One query for one or several images; see <see cref="ClientSession"/>.</summary>
    /// <param name="inputs">For each image the input's integers, channel by channel, row by row.</param>
    /// <param name="progress">Told how far it is.</param>
    /// <param name="cancellationToken">Gives up; once the query has begun, the session cannot be used after that.
    /// </param>
    /// <exception cref="PopcornException">The query, or a preparation before it, failed.</exception>
    public async Task<IReadOnlyList<InferenceResult>> InferAsync(
        IReadOnlyList<ReadOnlyMemory<int>> inputs, IProgress<SessionProgress>? progress = null,
        CancellationToken cancellationToken = default)
    {
        await _turn.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            if (_failure is not null)
            {
                throw new PopcornException(_failure.Error, _failure.Message, _failure);
            }

            IReadOnlyList<InferenceResult> results =
                await _session.InferAsync(inputs, progress, cancellationToken).ConfigureAwait(false);
            PrepareBesides();
            return results;
        }
        finally
        {
            _turn.Release();
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
        {
            return;
        }

        // Nobody will ask for what is being prepared.
        await _end.CancelAsync().ConfigureAwait(false);
        await _turn.WaitAsync().ConfigureAwait(false);
        Task preparing = _preparing;
        _turn.Release();
        await preparing.ConfigureAwait(false);
        await _session.DisposeAsync().ConfigureAwait(false);
        _end.Dispose();
        _turn.Dispose();
    }

    private void PrepareBesides()
    {
        if (!_isPreparing && _session.PreparedCount < _ahead)
        {
            _isPreparing = true;
            _preparing = Task.Run(PrepareAsync);
        }
    }

    /// <summary>Prepares until there are enough; between two, a query may have its turn.</summary>
    private async Task PrepareAsync()
    {
        bool more = true;
        while (more)
        {
            await _turn.WaitAsync().ConfigureAwait(false);
            try
            {
                if (!_end.IsCancellationRequested)
                {
                    await _session.PrepareAsync(_images, null, _end.Token).ConfigureAwait(false);
                }

                more = !_end.IsCancellationRequested && _session.PreparedCount < _ahead;
            }
            catch (PopcornException e)
            {
                // What the server refuses now it may do after the next query.
                _failure = _session.IsUsable ? null : e;
                more = false;
            }
            catch (OperationCanceledException)
            {
                more = false;
            }
            finally
            {
                _isPreparing = more;
                _turn.Release();
            }
        }
    }
}
