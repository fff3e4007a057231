namespace Popcorn.Engine;

/// <summary>Why a server sends a client away that has broken no rule of the protocol.</summary>
public enum Refusal
{
    /// <summary>All connections of the server are taken.</summary>
    Connections,

    /// <summary>All connections of the client's address are taken.</summary>
    Address,

    /// <summary>There was no memory free in time.</summary>
    Memory,

    /// <summary>What it asks for takes more memory than a client may ever have.</summary>
    TooLarge,

    /// <summary>It did not finish the handshake in time.</summary>
    Handshake,

    /// <summary>It said nothing for too long between queries.</summary>
    Idle,

    /// <summary>It did not answer, or took no message, for too long within a query.</summary>
    Stalled,

    /// <summary>It has had as many queries as it may have in this time.</summary>
    Quota,
}
