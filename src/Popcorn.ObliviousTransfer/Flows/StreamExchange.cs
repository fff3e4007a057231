using System.Buffers.Binary;

namespace Popcorn.ObliviousTransfer.Flows;

/// <summary>
/// Messages over a stream, such as a socket's: each behind twelve bytes that say its length, step and place, so that
/// one that was lost, repeated or swapped is noticed. The stream must be authentic: what a message says is not
/// protected. Not thread-safe, but for one message that is sent while another is received.
/// </summary>
/// <remarks>
/// Sending does not wait for the other party to read: two that send long messages at once would wait for each other.
/// What was sent has left when the next message is, or when this is disposed, which it should be before the stream.
/// </remarks>
/// <param name="stream">To the other party and from it; not disposed here.</param>
/// <param name="maxMessageBytes">Longer messages are refused before anything is allocated for them.</param>
/// <param name="cancellationToken">Ends waiting.</param>
public sealed class StreamExchange(
    Stream stream, int maxMessageBytes = 1 << 26, CancellationToken cancellationToken = default)
    : IMessageExchange, IAsyncDisposable
{
    private const int HeaderBytes = 3 * sizeof(int);

    /// <summary>What is allocated for a message because its header says so; more follows what arrives.</summary>
    private const int FirstBytes = 1 << 20;

    /// <summary>Of a message that leaves in one piece with what stands before it: else a socket may hold the second
    /// piece back until the other side has acknowledged the first, which takes it some 40 ms.</summary>
    private const int MostCopied = 1 << 16;

    private readonly int _maxMessageBytes = maxMessageBytes >= 0
        ? maxMessageBytes
        : throw new ArgumentOutOfRangeException(nameof(maxMessageBytes));

    private readonly byte[] _header = new byte[HeaderBytes];
    private bool _isOutOfStep; // while a message is read, and for ever where that failed
    private Task _sending = Task.CompletedTask; // of the message before; as long as it fails all calls fail

    /// <inheritdoc/>
    /// <exception cref="IOException">This message or the one before could not be sent.</exception>
    public async ValueTask SendAsync(int step, int first, ReadOnlyMemory<byte> payload)
    {
        await _sending.ConfigureAwait(false);
        _sending = WriteAsync(step, first, payload);
        await ThrowIfFailedAsync().ConfigureAwait(false);
    }

    /// <inheritdoc/>
    /// <exception cref="TransferException">Another message came, or none.</exception>
    /// <exception cref="IOException">The last message could not be sent.</exception>
    /// <exception cref="InvalidOperationException">That was so before, or a message is being received.</exception>
    public async ValueTask<ReadOnlyMemory<byte>> ReceiveAsync(int step, int first)
    {
        if (_isOutOfStep)
        {
            throw new InvalidOperationException("a message is being received, or could not be");
        }

        await ThrowIfFailedAsync().ConfigureAwait(false);
        _isOutOfStep = true;
        await ReadAsync(_header).ConfigureAwait(false);
        int length = BinaryPrimitives.ReadInt32LittleEndian(_header);
        if (BinaryPrimitives.ReadInt32LittleEndian(_header.AsSpan(sizeof(int))) != step
            || BinaryPrimitives.ReadInt32LittleEndian(_header.AsSpan(2 * sizeof(int))) != first)
        {
            throw new TransferException("another message came than the one that is due");
        }

        if ((uint)length > (uint)_maxMessageBytes)
        {
            throw new TransferException($"a message of {length} bytes is longer than {_maxMessageBytes}");
        }

        byte[] payload = [];
        for (int read = 0; read < length; read = payload.Length)
        {
            int next = (int)Math.Min(length, Math.Max(FirstBytes, 2L * read));
            byte[] longer = GC.AllocateUninitializedArray<byte>(next);
            payload.CopyTo(longer, 0);
            payload = longer;
            await ReadAsync(payload.AsMemory(read)).ConfigureAwait(false);
        }

        _isOutOfStep = false;
        return payload;
    }

    /// <summary>
    /// Waits until all that was sent has left; not where a message could not be received, for then the other party may
    /// have left too, and read nothing any more.
    /// </summary>
    /// <exception cref="IOException">The last message could not be sent.</exception>
    public async ValueTask DisposeAsync()
    {
        if (!_isOutOfStep)
        {
            await _sending.ConfigureAwait(false);
        }
    }

    private Task ThrowIfFailedAsync() => _sending.IsCompleted ? _sending : Task.CompletedTask;

    private async Task WriteAsync(int step, int first, ReadOnlyMemory<byte> payload)
    {
        int copied = payload.Length <= MostCopied ? payload.Length : 0;
        byte[] begin = GC.AllocateUninitializedArray<byte>(HeaderBytes + copied);
        BinaryPrimitives.WriteInt32LittleEndian(begin, payload.Length);
        BinaryPrimitives.WriteInt32LittleEndian(begin.AsSpan(sizeof(int)), step);
        BinaryPrimitives.WriteInt32LittleEndian(begin.AsSpan(2 * sizeof(int)), first);
        payload.Span[..copied].CopyTo(begin.AsSpan(HeaderBytes));
        await stream.WriteAsync(begin, cancellationToken).ConfigureAwait(false);
        if (copied < payload.Length)
        {
            await stream.WriteAsync(payload, cancellationToken).ConfigureAwait(false);
        }

        await stream.FlushAsync(cancellationToken).ConfigureAwait(false);
    }

    private async ValueTask ReadAsync(Memory<byte> bytes)
    {
        try
        {
            await stream.ReadExactlyAsync(bytes, cancellationToken).ConfigureAwait(false);
        }
        catch (IOException e) // the end of the stream, or a connection that was reset
        {
            throw new TransferException("the other party left in the middle of a protocol", e);
        }
    }
}
