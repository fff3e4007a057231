namespace Popcorn.ObliviousTransfer.Flows;

/// <summary>
/// The other party broke the protocol: a message of another length, out of turn, or with content that no honest party
/// sends. One line; the session is over.
/// </summary>
public sealed class TransferException(string message, Exception? inner = null) : Exception(message, inner);
