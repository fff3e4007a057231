using System.Diagnostics;
using Popcorn.Engine.Wire;
using Popcorn.Engine.Wire.Messages;

namespace Popcorn.Engine.Sessions;

/// <summary>
/// Frames over a channel, with byte counts; what both sessions share. One task may send while another receives.
/// </summary>
internal sealed class Connection(IMessageChannel channel)
{
    /// <summary>Characters of a peer's reason for giving up.</summary>
    private const int LongestReason = 500;

    private static readonly TimeSpan LastWords = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan LastWordsOfCancelled = TimeSpan.FromSeconds(0.5);

    private readonly WaitClock _waiting = new();
    private readonly SemaphoreSlim _reading = new(1, 1);
    private long _bytesSent;
    private long _bytesReceived;
    private volatile PopcornException? _peersWord;

    /// <summary>What the connection was used for until now.</summary>
    public ConnectionUse Use =>
        new(Interlocked.Read(ref _bytesSent), Interlocked.Read(ref _bytesReceived), _waiting.Waited);

    /// <summary>A wait for the peer, which ends when it is disposed.</summary>
    public IDisposable BeginWait() => _waiting.Begin();

    /// <summary>Until it is disposed so many tasks work side by side: they wait only when all of them do.</summary>
    public IDisposable WaitOnlyIfAll(int tasks) => _waiting.Share(tasks);

    public async ValueTask SendAsync(Frame frame, CancellationToken cancellationToken)
    {
        using (BeginWait())
        {
            await WriteAsync(frame, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Sends a message of a step; whoever does counts the wait.</summary>
    public ValueTask SendChunkAsync(
        int step, int first, ReadOnlyMemory<byte> payload, CancellationToken cancellationToken) =>
        WriteAsync(
            new Frame
            {
                Chunk = new Chunk
                {
                    Step = (uint)step,
                    First = (uint)first,
                    Payload = Google.Protobuf.UnsafeByteOperations.UnsafeWrap(payload),
                },
            },
            cancellationToken);

    /// <summary>The next frame; null when the peer has closed in good order.</summary>
    public async ValueTask<Frame?> TryReceiveAsync(CancellationToken cancellationToken)
    {
        using (BeginWait())
        {
            return await ReadAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>The next frame, which must have the given body, or the other.</summary>
    public async ValueTask<Frame> ReceiveAsync(
        Frame.BodyOneofCase expected, Frame.BodyOneofCase? other, CancellationToken cancellationToken)
    {
        Frame? frame = await TryReceiveAsync(cancellationToken).ConfigureAwait(false);
        return frame is not null && frame.BodyCase == other ? frame : Require(expected, frame);
    }

    /// <summary>The next message of a step; whoever asks for it counts the wait.</summary>
    public async ValueTask<Chunk> ReceiveChunkAsync(CancellationToken cancellationToken)
    {
        Frame? frame = await ReadAsync(cancellationToken).ConfigureAwait(false);
        return Require(Frame.BodyOneofCase.Chunk, frame).Chunk;
    }

    /// <summary>Tells the peer why the session ends, if it still listens.</summary>
    public async ValueTask TryFailAsync(PopcornException why)
    {
        try
        {
            // Whoever cancels waits for that.
            using var patience =
                new CancellationTokenSource(why.Error == PopcornError.Cancelled ? LastWordsOfCancelled : LastWords);
            await SendAsync(new Frame { Failure = FailureOf(why) }, patience.Token).ConfigureAwait(false);
        }
        catch (Exception e) when (e is PopcornException or OperationCanceledException or IOException)
        {
            // The peer is gone; the error that ends the session is reported by the caller.
        }
    }

    /// <summary>Tells the client that a query is refused, and that the session goes on.</summary>
    public ValueTask RefuseAsync(PopcornException why, CancellationToken cancellationToken) =>
        SendAsync(new Frame { Refused = FailureOf(why) }, cancellationToken);

    /// <summary>What the server says of a query that it refuses.</summary>
    public static PopcornException RefusalOf(Failure refused) => ErrorOf(
        refused, $"The server refused: {OneLine.Of(refused.Message, LongestReason)}", goesOn: true);

    /// <summary>How the connection failed, if it has: what arrived before is dropped, nothing is waited for.</summary>
    public async ValueTask<PopcornException?> TryFindLossAsync()
    {
        try
        {
            while (await channel.ReceiveAsync(new CancellationToken(canceled: true)).ConfigureAwait(false) is not null)
            {
            }
        }
        catch (PopcornException e)
        {
            return e;
        }
        catch (OperationCanceledException)
        {
            // It has not failed.
        }

        return null;
    }

    private async ValueTask WriteAsync(Frame frame, CancellationToken cancellationToken)
    {
        byte[] message = MessageCodec.Encode(frame);
        try
        {
            await channel.SendAsync(message, cancellationToken).ConfigureAwait(false);
        }
        catch (PopcornException e)
        {
            // A peer that gave up has said why before it left.
            throw await TryFindFailureAsync().ConfigureAwait(false) ?? e;
        }

        Interlocked.Add(ref _bytesSent, message.Length);
    }

    private async ValueTask<Frame?> ReadAsync(CancellationToken cancellationToken)
    {
        // One at a time, to the end: whoever cannot send reads as well, for the reason, which another may be reading.
        if (!_reading.Wait(0, CancellationToken.None))
        {
            await _reading.WaitAsync(cancellationToken).ConfigureAwait(false);
        }

        try
        {
            byte[]? message = await channel.ReceiveAsync(cancellationToken).ConfigureAwait(false);
            if (message is null)
            {
                return null;
            }

            Interlocked.Add(ref _bytesReceived, message.Length);
            Frame frame = MessageCodec.Decode(message);
            if (frame.BodyCase != Frame.BodyOneofCase.Failure)
            {
                return frame;
            }

            // Kept for whoever sends meanwhile: it has been read, and will not come again.
            _peersWord = ErrorOf(
                frame.Failure, $"The peer gave up: {OneLine.Of(frame.Failure.Message, LongestReason)}", goesOn: false);
            throw _peersWord;
        }
        finally
        {
            _reading.Release();
        }
    }

    private static Failure FailureOf(PopcornException why) => new()
    {
        Message = OneLine.Of(why.Message, LongestReason),
        Error = (uint)why.Error,
        RetryAfterMilliseconds = (uint)Math.Clamp(why.RetryAfter?.TotalMilliseconds ?? 0, 0, uint.MaxValue),
    };

    /// <summary>What the peer cannot use, it does not do; what it calls by a number that is not known here, too.
    /// </summary>
    private static PopcornException ErrorOf(Failure failure, string message, bool goesOn)
    {
        var error = (PopcornError)failure.Error;
        bool isUnknown = error == PopcornError.Input || !Enum.IsDefined(error);
        return new PopcornException(isUnknown ? PopcornError.Refused : error, message)
        {
            RetryAfter = failure.RetryAfterMilliseconds == 0
                ? null
                : TimeSpan.FromMilliseconds(failure.RetryAfterMilliseconds),
            IsPeersWord = true,
            SessionGoesOn = goesOn,
        };
    }

    private static Frame Require(Frame.BodyOneofCase expected, Frame? frame)
    {
        if (frame is null)
        {
            throw new PopcornException(
                PopcornError.ConnectionLost, $"The peer closed the connection where {expected} was due.");
        }

        return frame.BodyCase == expected
            ? frame
            : throw new PopcornException(
                PopcornError.Protocol, $"The peer sent {frame.BodyCase} where {expected} was due.");
    }

    /// <summary>The peer's last word, read already or among what has arrived.</summary>
    private async ValueTask<PopcornException?> TryFindFailureAsync()
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(1));
        try
        {
            while (await TryReceiveAsync(limit.Token).ConfigureAwait(false) is not null)
            {
            }
        }
        catch (PopcornException e) when (e.IsPeersWord)
        {
            return e;
        }
        catch (Exception e) when (e is PopcornException or OperationCanceledException)
        {
            // The connection ended without a reason, unless another task has read one.
        }

        return _peersWord;
    }

    /// <summary>The time in which a task waits; of several that work side by side, all of them.</summary>
    private sealed class WaitClock
    {
        private readonly Lock _lock = new();
        private int _working = 1;
        private int _waiting;
        private long _since;
        private TimeSpan _waited;

        public TimeSpan Waited
        {
            get
            {
                lock (_lock)
                {
                    return _waited;
                }
            }
        }

        /// <summary>A wait, which ends when it is disposed.</summary>
        public IDisposable Begin() => new Change(this, waiting: 1, working: 0);

        /// <summary>More tasks, until it is disposed.</summary>
        public IDisposable Share(int tasks) => new Change(this, waiting: 0, working: tasks - 1);

        private void Count(int waiting, int working)
        {
            lock (_lock)
            {
                bool was = _waiting >= _working;
                _waiting += waiting;
                _working += working;
                bool isSo = _waiting >= _working;
                if (isSo && !was)
                {
                    _since = Stopwatch.GetTimestamp();
                }
                else if (was && !isSo)
                {
                    _waited += Stopwatch.GetElapsedTime(_since);
                }
            }
        }

        private sealed class Change : IDisposable
        {
            private readonly WaitClock _clock;
            private readonly (int Waiting, int Working) _by;

            public Change(WaitClock clock, int waiting, int working)
            {
                _clock = clock;
                _by = (waiting, working);
                clock.Count(waiting, working);
            }

            public void Dispose() => _clock.Count(-_by.Waiting, -_by.Working);
        }
    }
}

/// <summary>What a connection was used for.</summary>
/// <param name="BytesSent">Bytes of messages sent.</param>
/// <param name="BytesReceived">Bytes of messages received.</param>
/// <param name="Waited">Time in which a message was being sent or waited for.</param>
internal readonly record struct ConnectionUse(long BytesSent, long BytesReceived, TimeSpan Waited)
{
    /// <summary>What came between two moments.</summary>
    public static ConnectionUse operator -(ConnectionUse later, ConnectionUse earlier) => new(
        later.BytesSent - earlier.BytesSent, later.BytesReceived - earlier.BytesReceived,
        later.Waited - earlier.Waited);
}
