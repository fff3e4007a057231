namespace Popcorn.Engine;

/// <summary>The kinds of error that a program handles in different ways; people read the message.</summary>
/// <remarks>The numbers travel: they stay as they are.</remarks>
public enum PopcornError
{
    /// <summary>A file, a network, an image or an option cannot be used as it is.</summary>
    Input = 0,

    /// <summary>Nobody could be reached there, or no Popcorn service.</summary>
    Unreachable = 1,

    /// <summary>The service wants credentials and knows none of these.</summary>
    Unauthorized = 2,

    /// <summary>The service does not allow that to this client.</summary>
    Forbidden = 3,

    /// <summary>The service has no room now, or this client has had its share for now.</summary>
    Busy = 4,

    /// <summary>The peer does not do what it was asked for, now or later: no such model, a key too small.</summary>
    Refused = 5,

    /// <summary>The connection broke, or the peer left before it was done.</summary>
    ConnectionLost = 6,

    /// <summary>Something took longer than its limit.</summary>
    Timeout = 7,

    /// <summary>The peer broke the protocol, or is of another version.</summary>
    Protocol = 8,

    /// <summary>What is asked for costs more than the limits allow.</summary>
    TooLarge = 9,

    /// <summary>The session has ended by an earlier error; a new one has to be opened.</summary>
    SessionEnded = 10,

    /// <summary>The peer gave up because it wanted to.</summary>
    Cancelled = 11,
}
