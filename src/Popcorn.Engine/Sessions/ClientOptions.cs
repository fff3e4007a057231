using Popcorn.Engine.Families;
using Popcorn.Engine.Model;
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

    /// <summary>
    /// Longest time from the first message until the server is ready: it makes its tables for the client's key
    /// meanwhile.
    /// </summary>
    public TimeSpan OpenTimeout { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>Longest time for a query, or for preparing one, however busy the server seems.</summary>
    public TimeSpan QueryTimeout { get; init; } = TimeSpan.FromDays(1);

    /// <summary>What a query may cost the client; a model that takes more is refused.</summary>
    public ClientLimits Limits { get; init; } = new();

    /// <summary>
    /// Told of the network that the server describes, before anything is made for it; may refuse it by a
    /// <see cref="PopcornException"/>. Whoever was told of the model before compares here.
    /// </summary>
    public Action<PublicNetwork>? CheckNetwork { get; init; }

    /// <summary>Families that the client offers.</summary>
    public IReadOnlyList<Family> Families { get; init; } = FamilyRegistry.All;
}
