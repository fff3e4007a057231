using System.Threading.Channels;

namespace Popcorn.Engine.Wire;

/// <summary>The two ends of a channel in memory: both parties in one process.</summary>
public sealed class MemoryChannel : IMessageChannel
{
    private readonly ChannelReader<byte[]> _incoming;
    private readonly ChannelWriter<byte[]> _outgoing;

    private MemoryChannel(ChannelReader<byte[]> incoming, ChannelWriter<byte[]> outgoing)
    {
        _incoming = incoming;
        _outgoing = outgoing;
    }

    /// <summary>Makes a connected pair.</summary>
    public static (IMessageChannel Client, IMessageChannel Server) CreatePair()
    {
        Channel<byte[]> up = Channel.CreateBounded<byte[]>(WireLimits.BufferedMessages);
        Channel<byte[]> down = Channel.CreateBounded<byte[]>(WireLimits.BufferedMessages);
        return (new MemoryChannel(down.Reader, up.Writer), new MemoryChannel(up.Reader, down.Writer));
    }

    /// <inheritdoc/>
    public async ValueTask SendAsync(ReadOnlyMemory<byte> message, CancellationToken cancellationToken)
    {
        MessageCodec.CheckLength(message.Length);
        try
        {
            await _outgoing.WriteAsync(message.ToArray(), cancellationToken).ConfigureAwait(false);
        }
        catch (ChannelClosedException e)
        {
            throw new PopcornException("The connection was closed while sending; try again.", e);
        }
    }

    /// <inheritdoc/>
    public async ValueTask<byte[]?> ReceiveAsync(CancellationToken cancellationToken)
    {
        while (await _incoming.WaitToReadAsync(cancellationToken).ConfigureAwait(false))
        {
            if (_incoming.TryRead(out byte[]? message))
            {
                return message;
            }
        }

        return null;
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync()
    {
        _outgoing.TryComplete();
        return ValueTask.CompletedTask;
    }
}
