namespace Popcorn.Engine;

/// <summary>
/// Every error that a user of the engine can cause or mend: a bad file, a network that cannot be imported, a peer that
/// breaks the protocol. The message is one line (a list of findings: one line each) and says what to do.
/// </summary>
public sealed class PopcornException(string message, Exception? inner = null) : Exception(message, inner)
{
    /// <summary>Why the server sent the client away; null where a peer, its data or the connection is bad.</summary>
    public Refusal? Refusal { get; init; }

    /// <summary>The peer itself said this before it left, so there is nobody to tell.</summary>
    internal bool IsPeersWord { get; init; }
}
