namespace Popcorn.Engine.Wire;

/// <summary>
/// An ordered, reliable stream of messages between the two parties: all that sessions know of transport.
/// </summary>
/// <remarks>
/// An implementation receives on its own, ahead of <see cref="ReceiveAsync"/>, and holds up to
/// <see cref="WireLimits.BufferedMessages"/> messages: more than a party sends before it waits for an answer, so one
/// that is busy sending never blocks its peer. Messages longer than <see cref="WireLimits.MaxMessageBytes"/> are
/// refused with a <see cref="PopcornException"/>.
/// </remarks>
public interface IMessageChannel : IAsyncDisposable
{
    /// <summary>
    /// Sends one message, which nobody changes any more: in memory the receiver may get it itself. Messages arrive in
    /// the order of the calls; one call at a time.
    /// </summary>
    /// <exception cref="PopcornException">The connection is lost.</exception>
    ValueTask SendAsync(ReadOnlyMemory<byte> message, CancellationToken cancellationToken);

    /// <summary>The next message, or null when the peer has closed in good order.</summary>
    /// <exception cref="PopcornException">The connection is lost, or a message was too long.</exception>
    ValueTask<byte[]?> ReceiveAsync(CancellationToken cancellationToken);
}
