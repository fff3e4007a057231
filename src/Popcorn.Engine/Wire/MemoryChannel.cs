using System.Runtime.InteropServices;
using System.Threading.Channels;

namespace Popcorn.Engine.Wire;

/// <summary>The two ends of a channel in memory: both parties in one process.</summary>
public sealed class MemoryChannel : IMessageChannel
{
    private readonly Channel<byte[]> _incoming;
    private readonly Channel<byte[]> _outgoing;

    private MemoryChannel(Channel<byte[]> incoming, Channel<byte[]> outgoing)
    {
        _incoming = incoming;
        _outgoing = outgoing;
    }

    /// <summary>Makes a connected pair.</summary>
    public static (IMessageChannel Client, IMessageChannel Server) CreatePair()
    {
        Channel<byte[]> up = Channel.CreateBounded<byte[]>(WireLimits.BufferedMessages);
        Channel<byte[]> down = Channel.CreateBounded<byte[]>(WireLimits.BufferedMessages);
        return (new MemoryChannel(down, up), new MemoryChannel(up, down));
    }

    /// <inheritdoc/>
    public async ValueTask SendAsync(ReadOnlyMemory<byte> message, CancellationToken cancellationToken)
    {
        MessageCodec.CheckLength(message.Length);
        try
        {
            byte[] own = MemoryMarshal.TryGetArray(message, out ArraySegment<byte> segment)
                && segment.Count == segment.Array!.Length
                ? segment.Array
                : message.ToArray();
            await _outgoing.Writer.WriteAsync(own, cancellationToken).ConfigureAwait(false);
        }
        catch (ChannelClosedException e)
        {
            throw new PopcornException(
                PopcornError.ConnectionLost, "The connection was closed while sending; try again.", e);
        }
    }

    /// <inheritdoc/>
    public async ValueTask<byte[]?> ReceiveAsync(CancellationToken cancellationToken)
    {
        while (await _incoming.Reader.WaitToReadAsync(cancellationToken).ConfigureAwait(false))
        {
            if (_incoming.Reader.TryRead(out byte[]? message))
            {
                return message;
            }
        }

        return null;
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync()
    {
        // Both ways: what is sent already can still be read, and a peer that is sending learns that nobody reads.
        _outgoing.Writer.TryComplete();
        _incoming.Writer.TryComplete();
        return ValueTask.CompletedTask;
    }
}
