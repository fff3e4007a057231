namespace Popcorn.Engine;

/// <summary>
/// Every error that a user of the engine can cause or mend: a bad file, a network that cannot be imported, a peer that
/// breaks the protocol. The message is one line (a list of findings: one line each) and says what to do.
/// </summary>
public sealed class PopcornException : Exception
{
    private readonly Refusal? _refusal;

    /// <summary>Something that cannot be used as it is.</summary>
    public PopcornException(string message, Exception? inner = null)
        : this(PopcornError.Input, message, inner)
    {
    }

    /// <summary>An error of some kind.</summary>
    public PopcornException(PopcornError error, string message, Exception? inner = null)
        : base(message, inner) => Error = error;

    /// <summary>What kind of error it is.</summary>
    public PopcornError Error { get; private init; }

    /// <summary>
    /// Whether the same may go well in a new session a little later: nothing is wrong with what was asked for.
    /// </summary>
    public bool IsTransient =>
        Error is PopcornError.Unreachable or PopcornError.Busy or PopcornError.ConnectionLost or PopcornError.Timeout;

    /// <summary>Why the server sent the client away; null where a peer, its data or the connection is bad.</summary>
    public Refusal? Refusal
    {
        get => _refusal;
        init
        {
            _refusal = value;
            Error = value switch
            {
                Engine.Refusal.Connections or Engine.Refusal.Address or Engine.Refusal.Memory
                    or Engine.Refusal.Quota => PopcornError.Busy,
                Engine.Refusal.TooLarge => PopcornError.TooLarge,
                Engine.Refusal.Handshake or Engine.Refusal.Idle or Engine.Refusal.Stalled => PopcornError.Timeout,
                null => Error,
            };
        }
    }

    /// <summary>After how long the same may go well; null where nobody said.</summary>
    public TimeSpan? RetryAfter { get; init; }

    /// <summary>It was refused before it began, so the session goes on.</summary>
    internal bool SessionGoesOn { get; init; }

    /// <summary>The peer itself said this before it left, so there is nobody to tell.</summary>
    internal bool IsPeersWord { get; init; }
}
