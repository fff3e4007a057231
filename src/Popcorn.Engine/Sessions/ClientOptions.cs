using Popcorn.Engine.Families;
using Popcorn.Engine.Protocols;
using Popcorn.Interop;

namespace Popcorn.Engine.Sessions;

/// <summary>How a client runs its session.</summary>
public sealed record ClientOptions
{
    /// <summary>Threads to use at most; 0: one per core.</summary>
    public int DegreeOfParallelism { get; init; }

    /// <summary>Length of the encryption randomness.</summary>
    public RandomnessProfile Profile { get; init; }

    /// <summary>
    /// Longest time to wait for the server's next message. A large layer takes its time; that the server is still there
    /// is for the transport to watch.
    /// </summary>
    public TimeSpan IdleTimeout { get; init; } = TimeSpan.FromHours(1);

    /// <summary>Families that the client offers.</summary>
    public IReadOnlyList<Family> Families { get; init; } = FamilyRegistry.All;
}
