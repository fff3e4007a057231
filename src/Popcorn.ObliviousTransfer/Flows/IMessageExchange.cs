namespace Popcorn.ObliviousTransfer.Flows;

/// <summary>
/// Messages with the other party, in order. Both know whose turn it is and which message is due; one that is not the
/// one that is due ends the session.
/// </summary>
public interface IMessageExchange
{
    /// <summary>Sends a message.</summary>
    /// <param name="step">The number of the protocol that it belongs to.</param>
    /// <param name="first">Which of the protocol's messages, or of its items, it is.</param>
    /// <param name="payload">What the protocol says; not to be changed afterwards.</param>
    ValueTask SendAsync(int step, int first, ReadOnlyMemory<byte> payload);

    /// <summary>The message that is due.</summary>
    /// <param name="step">The number of the protocol that it must belong to.</param>
    /// <param name="first">Which it must be.</param>
    ValueTask<ReadOnlyMemory<byte>> ReceiveAsync(int step, int first);
}
