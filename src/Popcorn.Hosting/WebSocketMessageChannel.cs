using System.Net.WebSockets;
using System.Threading.Channels;
using Popcorn.Engine;
using Popcorn.Engine.Wire;

namespace Popcorn.Hosting;

/// <summary>
/// Messages over a WebSocket, one binary message each; serves both ends. It owns the socket, receives ahead of its
/// reader and answers the peer's pings meanwhile.
/// </summary>
public sealed class WebSocketMessageChannel : IMessageChannel
{
    /// <summary>A close frame holds 123 bytes of reason; three bytes of UTF-8 a character at most.</summary>
    private const int MaxReasonLength = 41;

    /// <summary>
    /// Fragments of a message that hold nothing, at most: they take work, and no number of them makes a message too
    /// long.
    /// </summary>
    private const int MaxEmptyFragments = 16;

    /// <summary>How long closing waits for the peer to say goodbye as well.</summary>
    private static readonly TimeSpan CloseTimeout = TimeSpan.FromSeconds(2);

    private readonly WebSocket _socket;
    private readonly string _peer;
    private readonly int _maxMessageBytes;
    private readonly TimeSpan _sendTimeout;
    private readonly Channel<byte[]> _received = Channel.CreateBounded<byte[]>(
        new BoundedChannelOptions(WireLimits.BufferedMessages) { SingleReader = true, SingleWriter = true });

    private readonly SemaphoreSlim _sending = new(1, 1);
    private readonly SemaphoreSlim _taken = new(0); // released for each message that the reader takes
    private readonly CancellationTokenSource _peerLeft = new();
    private readonly Task _pump;
    private byte[] _buffer = new byte[1 << 16]; // the message being received: it grows with what has really arrived
    private long _bytesSent;
    private long _bytesReceived;
    private long _buffered;
    private int _closed;

    /// <summary>Takes over a connected socket.</summary>
    /// <param name="socket">An open socket; disposed with the channel.</param>
    /// <param name="peer">What messages to people call the other end: <c>the server</c>, <c>the client</c>.</param>
    /// <param name="maxMessageBytes">Longest message taken, at most <see cref="WireLimits.MaxMessageBytes"/>.</param>
    /// <param name="sendTimeout">How long the peer may leave a message untaken; five minutes if null.</param>
    public WebSocketMessageChannel(
        WebSocket socket,
        string peer,
        int maxMessageBytes = WireLimits.MaxMessageBytes,
        TimeSpan? sendTimeout = null)
    {
        ArgumentNullException.ThrowIfNull(socket);
        ArgumentOutOfRangeException.ThrowIfLessThan(maxMessageBytes, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(maxMessageBytes, WireLimits.MaxMessageBytes);
        _socket = socket;
        _peer = peer;
        _maxMessageBytes = maxMessageBytes;
        _sendTimeout = sendTimeout ?? TimeSpan.FromMinutes(5);
        _pump = Task.Run(PumpAsync);
    }

    /// <summary>
    /// Memory that the messages of a connection take at most: those that are buffered, and one each that is being
    /// received, buffered on top, read and sent.
    /// </summary>
    /// <param name="maxMessageBytes">Longest message taken.</param>
    public static long MemoryOf(int maxMessageBytes) => WireLimits.BufferedBytes + 4L * maxMessageBytes;

    /// <summary>Bytes of the messages sent so far.</summary>
    public long BytesSent => Interlocked.Read(ref _bytesSent);

    /// <summary>Bytes of the messages received so far, read or still buffered.</summary>
    public long BytesReceived => Interlocked.Read(ref _bytesReceived);

    /// <summary>
    /// Cancelled once nothing more will come: the peer has closed, vanished or broken the rules. Whoever computes for
    /// it can stop.
    /// </summary>
    public CancellationToken PeerLeft => _peerLeft.Token;

    /// <inheritdoc/>
    public async ValueTask SendAsync(ReadOnlyMemory<byte> message, CancellationToken cancellationToken)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(_sendTimeout);
        await _sending.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            await _socket.SendAsync(message, WebSocketMessageType.Binary, endOfMessage: true, limit.Token)
                .ConfigureAwait(false);
            Interlocked.Add(ref _bytesSent, message.Length);
        }
        catch (OperationCanceledException e) when (
            limit.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            throw new PopcornException($"{Capital(_peer)} has taken nothing for {_sendTimeout.TotalSeconds} s.", e)
            {
                Refusal = Refusal.Stalled,
            };
        }
        catch (Exception e) when (IsConnectionFailure(e)
            && !(e is OperationCanceledException && cancellationToken.IsCancellationRequested))
        {
            // Also a cancellation that nobody here asked for: the socket was given up, for want of answers to pings.
            throw await ExplainLossAsync(e).ConfigureAwait(false);
        }
        finally
        {
            _sending.Release();
        }
    }

    /// <inheritdoc/>
    public async ValueTask<byte[]?> ReceiveAsync(CancellationToken cancellationToken)
    {
        // What arrived before the connection ended is delivered first; then the pump's exception, if any, is thrown:
        // the caller's token may be cancelled because of it, and says less.
        while (true)
        {
            if (_received.Reader.TryRead(out byte[]? message))
            {
                Interlocked.Add(ref _buffered, -message.Length);
                _taken.Release();
                return message;
            }

            Task ended = _received.Reader.Completion;
            if (ended.IsCompleted)
            {
                await ended.ConfigureAwait(false);
                return null;
            }

            try
            {
                await _received.Reader.WaitToReadAsync(cancellationToken).ConfigureAwait(false);
            }
            catch (Exception e) when (ended.IsCompleted || e is PopcornException)
            {
                // Above it is said how it ended.
            }
        }
    }

    /// <summary>
    /// Says goodbye with a reason, waits briefly for the peer to do the same, and frees the socket. Calls after the
    /// first do nothing.
    /// </summary>
    /// <param name="status">The WebSocket close code.</param>
    /// <param name="reason">One short line for a person, or null.</param>
    public async ValueTask CloseAsync(WebSocketCloseStatus status, string? reason)
    {
        if (Interlocked.Exchange(ref _closed, 1) != 0)
        {
            return;
        }

        _received.Writer.TryComplete();
        _taken.Release();
        using var limit = new CancellationTokenSource(CloseTimeout);
        using (limit.Token.Register(_socket.Abort))
        {
            try
            {
                await SayGoodbyeAsync(status, reason, limit.Token).ConfigureAwait(false);

                // Leaving while the peer still sends would reset the connection under our last words.
                await _pump.ConfigureAwait(false);
                byte[] discarded = new byte[4096];
                while (_socket.State is WebSocketState.CloseSent)
                {
                    await _socket.ReceiveAsync(discarded.AsMemory(), limit.Token).ConfigureAwait(false);
                }
            }
            catch (Exception e) when (IsConnectionFailure(e))
            {
                // The peer was quicker; there is no one left to say goodbye to.
            }
        }

        _socket.Abort();
        await _pump.ConfigureAwait(false);
        _socket.Dispose();
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => CloseAsync(WebSocketCloseStatus.NormalClosure, null);

    private async Task SayGoodbyeAsync(WebSocketCloseStatus status, string? reason, CancellationToken cancellationToken)
    {
        await _sending.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            if (_socket.State is WebSocketState.Open or WebSocketState.CloseReceived)
            {
                if (reason?.Length > MaxReasonLength)
                {
                    reason = reason[..MaxReasonLength];
                }

                await _socket.CloseOutputAsync(status, reason, cancellationToken).ConfigureAwait(false);
            }
        }
        finally
        {
            _sending.Release();
        }
    }

    private async Task PumpAsync()
    {
        try
        {
            while (await ReadMessageAsync().ConfigureAwait(false) is { } message)
            {
                Interlocked.Add(ref _bytesReceived, message.Length);
                Interlocked.Add(ref _buffered, message.Length);
                await _received.Writer.WriteAsync(message).ConfigureAwait(false);

                // The peer's next message waits on its own machine.
                while (Interlocked.Read(ref _buffered) > WireLimits.BufferedBytes && Volatile.Read(ref _closed) == 0)
                {
                    await _taken.WaitAsync().ConfigureAwait(false);
                }
            }

            _received.Writer.TryComplete();
        }
        catch (ChannelClosedException)
        {
            // This end has closed; nobody reads any more.
        }
        catch (PopcornException e)
        {
            _received.Writer.TryComplete(e);
        }
        catch (Exception e) when (IsConnectionFailure(e))
        {
            _received.Writer.TryComplete(Loss(e));
        }

        // After the writer, so that a reader already waiting sees why rather than a cancellation.
        await _peerLeft.CancelAsync().ConfigureAwait(false);
    }

    /// <summary>The next message, or null once the peer has closed in good order.</summary>
    private async Task<byte[]?> ReadMessageAsync()
    {
        int length = 0, empty = 0;
        while (true)
        {
            ValueWebSocketReceiveResult frame =
                await _socket.ReceiveAsync(_buffer.AsMemory(length), CancellationToken.None).ConfigureAwait(false);
            length += frame.Count;
            switch (frame.MessageType)
            {
                case WebSocketMessageType.Close when _socket.CloseStatus is WebSocketCloseStatus.NormalClosure:
                    return null;
                case WebSocketMessageType.Close:
                    string reason = OneLine.Of(_socket.CloseStatusDescription ?? "").Trim().TrimEnd('.');
                    throw new PopcornException(
                        PopcornError.ConnectionLost,
                        reason.Length == 0
                            ? $"{Capital(_peer)} closed the connection ({_socket.CloseStatus})."
                            : $"{Capital(_peer)} closed the connection: {reason}.");
                case WebSocketMessageType.Text:
                    throw new PopcornException(
                        PopcornError.Protocol, $"{Capital(_peer)} sent text; {WireLimits.Subprotocol} is binary.");
            }

            if (frame.Count == 0 && !frame.EndOfMessage && ++empty > MaxEmptyFragments)
            {
                throw new PopcornException(
                    PopcornError.Protocol, $"{Capital(_peer)} sent a message in too many fragments of nothing.");
            }

            if (length > _maxMessageBytes)
            {
                throw new PopcornException(
                    PopcornError.Protocol,
                    $"{Capital(_peer)} sent a message longer than the limit of {_maxMessageBytes} bytes.");
            }

            if (frame.EndOfMessage)
            {
                return _buffer.AsSpan(0, length).ToArray();
            }

            if (length == _buffer.Length)
            {
                Array.Resize(ref _buffer, Math.Min(2 * length, _maxMessageBytes + 1));
            }
        }
    }

    /// <summary>A send fails before the pump has told why the peer left: its account is the better one.</summary>
    private async Task<PopcornException> ExplainLossAsync(Exception sendFailure)
    {
        try
        {
            await _received.Reader.Completion.WaitAsync(TimeSpan.FromSeconds(1)).ConfigureAwait(false);
        }
        catch (PopcornException told)
        {
            return told;
        }
        catch (TimeoutException)
        {
            // Still open for reading, or messages wait to be read: the failure of the send is all there is to tell.
        }

        return Loss(sendFailure);
    }

    private PopcornException Loss(Exception e) =>
        new(PopcornError.ConnectionLost, $"{Capital(_peer)} went away: the connection was lost.", e);

    private static bool IsConnectionFailure(Exception e) =>
        e is WebSocketException or IOException or OperationCanceledException or ObjectDisposedException
            or InvalidOperationException;

    private static string Capital(string text) => char.ToUpperInvariant(text[0]) + text[1..];
}
