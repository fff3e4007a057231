using System.Buffers.Binary;

namespace Popcorn.ObliviousTransfer.Flows;

/// <summary>
/// Messages over a stream, such as a socket's: each behind twelve bytes that say its length, step and place, so that
/// one that was lost, repeated or swapped is noticed. The stream must be authentic: what a message says is not
/// protected. Not thread-safe, but for one message that is sent while another is received.
/// </summary>
/// <param name="stream">To the other party and from it; not disposed here.</param>
/// <param name="maxMessageBytes">Longer messages are refused before anything is allocated for them.</param>
/// <param name="cancellationToken">Ends waiting.</param>
public sealed class StreamExchange(
    Stream stream, int maxMessageBytes = 1 << 26, CancellationToken cancellationToken = default) : IMessageExchange
{
    private const int HeaderBytes = 3 * sizeof(int);

    /// <summary>Of a message that leaves in one piece with what stands before it: else a socket may hold the second
    /// piece back until the other side has acknowledged the first, which takes it some 40 ms.</summary>
    private const int MostCopied = 1 << 16;

    private readonly int _maxMessageBytes = maxMessageBytes >= 0
        ? maxMessageBytes
        : throw new ArgumentOutOfRangeException(nameof(maxMessageBytes));

    private readonly byte[] _header = new byte[HeaderBytes];
    private bool _isOutOfStep; // while a message is read, and for ever where that failed

    /// <inheritdoc/>
    public async ValueTask SendAsync(int step, int first, ReadOnlyMemory<byte> payload)
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

    /// <inheritdoc/>
    /// <exception cref="TransferException">Another message came, or none.</exception>
    /// <exception cref="InvalidOperationException">That was so before, or a message is being received.</exception>
    public async ValueTask<ReadOnlyMemory<byte>> ReceiveAsync(int step, int first)
    {
        if (_isOutOfStep)
        {
            throw new InvalidOperationException("a message is being received, or could not be");
        }

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

        byte[] payload = GC.AllocateUninitializedArray<byte>(length);
        await ReadAsync(payload).ConfigureAwait(false);
        _isOutOfStep = false;
        return payload;
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
