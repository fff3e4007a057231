using Popcorn.Engine.Wire.Messages;

namespace Popcorn.Engine.Sessions;

/// <summary>Receives with a limit on how long a peer may stay silent.</summary>
internal sealed class ReceiveTimeout(
    Connection connection, TimeSpan limit, CancellationToken cancellationToken) : IDisposable
{
    private CancellationTokenSource _timer = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);

    public ValueTask<Frame?> TryReceiveAsync() => WithinLimit(connection.TryReceiveAsync);

    public ValueTask<Frame> ReceiveAsync(Frame.BodyOneofCase expected) =>
        WithinLimit(token => connection.ReceiveAsync(expected, token));

    public ValueTask<ReadOnlyMemory<byte>> ReceiveChunkAsync(int step, int first) =>
        WithinLimit(token => connection.ReceiveChunkAsync(step, first, token));

    public void Dispose() => _timer.Dispose();

    private async ValueTask<T> WithinLimit<T>(Func<CancellationToken, ValueTask<T>> receive)
    {
        _timer.CancelAfter(limit);
        try
        {
            T result = await receive(_timer.Token).ConfigureAwait(false);
            if (!_timer.TryReset())
            {
                _timer.Dispose();
                _timer = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            }

            return result;
        }
        catch (OperationCanceledException e) when (!cancellationToken.IsCancellationRequested)
        {
            throw new PopcornException($"The peer was silent for {limit.TotalSeconds:0} seconds; session ended.", e);
        }
    }
}
