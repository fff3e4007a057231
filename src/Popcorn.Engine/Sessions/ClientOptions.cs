using Popcorn.Interop;

namespace Popcorn.Engine.Sessions;

/// <summary>How a client runs its session.</summary>
public sealed record ClientOptions
{
    /// <summary>Threads to use at most; 0: one per core.</summary>
    public int DegreeOfParallelism { get; init; }

    /// <summary>Length of the encryption randomness.</summary>
    public RandomnessProfile Profile { get; init; }

    /// <summary>Longest time to wait for the server's next message.</summary>
    public TimeSpan IdleTimeout { get; init; } = TimeSpan.FromMinutes(10);
}
