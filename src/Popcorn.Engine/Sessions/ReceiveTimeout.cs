using Popcorn.Engine.Wire.Messages;

namespace Popcorn.Engine.Sessions;

/// <summary>Receives with a limit on how long a peer may stay silent.</summary>
internal sealed class ReceiveTimeout(
    Connection connection, TimeSpan limit, CancellationToken cancellationToken, Refusal reason = Refusal.Idle)
    : IDisposable
{
    private (TimeSpan Limit, Refusal Reason) _patience = (limit, reason);
    private CancellationTokenSource _timer = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);

    /// <summary>The next frame; null when the peer has closed in good order.</summary>
    /// <param name="stop">Ends the wait: nothing can be received after that.</param>
    public ValueTask<Frame?> TryReceiveAsync(CancellationToken stop = default) =>
        WithinLimit(connection.TryReceiveAsync, stop);

    /// <summary>The next frame, which must have the given body, or the other.</summary>
    public ValueTask<Frame> ReceiveAsync(Frame.BodyOneofCase expected, Frame.BodyOneofCase? other = null) =>
        WithinLimit(token => connection.ReceiveAsync(expected, other, token));

    /// <summary>The next message of a step, whichever.</summary>
    /// <param name="stop">Ends the wait: the connection cannot be used after that.</param>
    public ValueTask<Chunk> ReceiveChunkAsync(CancellationToken stop) =>
        WithinLimit(connection.ReceiveChunkAsync, stop);

    /// <summary>From now on another limit holds.</summary>
    /// <param name="newLimit">The limit.</param>
    /// <param name="reason">What a peer is guilty of that exceeds it.</param>
    public void SetLimit(TimeSpan newLimit, Refusal reason) => _patience = (newLimit, reason);

    public void Dispose() => _timer.Dispose();

    private async ValueTask<T> WithinLimit<T>(
        Func<CancellationToken, ValueTask<T>> receive, CancellationToken stop = default)
    {
        (TimeSpan most, Refusal guilt) = _patience;
        _timer.CancelAfter(most > TimeSpan.Zero ? most : TimeSpan.Zero);
        try
        {
            using CancellationTokenRegistration ends = stop.Register(_timer.Cancel);
            T result = await receive(_timer.Token).ConfigureAwait(false);
            if (!_timer.TryReset())
            {
                _timer.Dispose();
                _timer = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            }

            return result;
        }
        catch (OperationCanceledException e) when (
            !cancellationToken.IsCancellationRequested && !stop.IsCancellationRequested)
        {
            string what = guilt switch
            {
                Refusal.Handshake => "The peer was too slow to introduce itself",
                Refusal.Stalled => $"The peer was silent for {most.TotalSeconds:0.#} seconds within a query",
                Refusal.Idle or Refusal.Connections or Refusal.Address or Refusal.Memory or Refusal.TooLarge
                    or Refusal.Quota =>
                    $"The peer was silent for {most.TotalSeconds:0.#} seconds",
            };
            throw new PopcornException($"{what}; session ended.", e) { Refusal = guilt };
        }
    }
}
