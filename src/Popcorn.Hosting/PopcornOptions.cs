using System.Threading.RateLimiting;
using Microsoft.AspNetCore.Http;
using Popcorn.Engine;
using Popcorn.Engine.Resources;
using Popcorn.Engine.Sessions;
using Popcorn.Engine.Wire;
using Popcorn.Interop;

namespace Popcorn.Hosting;

/// <summary>What a Popcorn service serves, and its limits.</summary>
public sealed class PopcornOptions
{
    /// <summary>The models served from the beginning. Names must differ.</summary>
    public IList<ServedModel> Models { get; } = [];

    /// <summary>Connections at the same time; further ones are answered with 503.</summary>
    public int MaxConnections { get; set; } = 256;

    /// <summary>
    /// Connections at the same time from one address, where an address of IPv6 is its first 64 bits; further ones are
    /// answered with 429. Behind a reverse proxy all clients have the proxy's address until the application uses
    /// <c>ForwardedHeaders</c>; where it cannot, set this to <see cref="MaxConnections"/>.
    /// </summary>
    public int MaxConnectionsPerAddress { get; set; } = 16;

    /// <summary>
    /// Memory that all sessions may take together, in bytes: for messages, tables and the ciphertexts of queries;
    /// models come on top. The clients of one address get no more than they leave free, so half of it at most. What can
    /// never fit is refused, what does not fit now waits. By default half of the memory that the process may use.
    /// </summary>
    public long MemoryBytes { get; set; } = MemoryBudget.DefaultBytes;

    /// <summary>How long a client waits for memory before it is told that the server is busy.</summary>
    public TimeSpan QueueTimeout { get; set; } = TimeSpan.FromSeconds(15);

    /// <summary>How long a client may take, from its connection on, until it has agreed on a plan.</summary>
    public TimeSpan HandshakeTimeout { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>How long a client may say nothing between queries before its session ends.</summary>
    public TimeSpan IdleTimeout { get; set; } = TimeSpan.FromMinutes(5);

    /// <summary>
    /// How long a client may take for a message within a query, which holds memory, before its session ends: to answer,
    /// or to take what it is sent.
    /// </summary>
    public TimeSpan StallTimeout { get; set; } = TimeSpan.FromMinutes(1);

    /// <summary>Interval of pings on a quiet connection; a client silent for twice as long is gone.</summary>
    public TimeSpan KeepAliveInterval { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>Longest message accepted, in bytes; at most <see cref="WireLimits.MaxMessageBytes"/>.</summary>
    public int MaxMessageBytes { get; set; } = WireLimits.MaxMessageBytes;

    /// <summary>
    /// How long queries under way may go on when the host stops; sessions without one end at once. The host itself
    /// waits no longer than its own <c>HostOptions.ShutdownTimeout</c>, which is 30 seconds by default.
    /// </summary>
    public TimeSpan ShutdownGrace { get; set; } = TimeSpan.FromSeconds(25);

    /// <summary>
    /// Whether the host runs <see cref="SelfTest"/> as it starts: its health is not <c>ok</c> before that has passed,
    /// and its first query is about as quick as those that follow.
    /// </summary>
    public bool WarmUp { get; set; } = true;

    /// <summary>Threads that one session computes with; 0: all cores.</summary>
    public int DegreeOfParallelism { get; set; }

    /// <summary>Smallest key accepted from a client, in bits of its modulus.</summary>
    public int MinimumKeyBits { get; set; } = 2048;

    /// <summary>
    /// Whether clients may bring short-order keys, for which a client computes less. How a ciphertext was made is
    /// hidden from those of them alone that made their key as they should.
    /// </summary>
    public bool AcceptShortOrder { get; set; }

    /// <summary>
    /// Which models a client may ask for: asked for a session, before anything is computed for it, and for each of its
    /// queries, because what a client may do can change meanwhile. Null: all.
    /// </summary>
    public Func<HttpContext, string, bool>? MayUse { get; set; }

    /// <summary>
    /// What a client may have at the same time, in all its connections together: asked at each of them, and the last
    /// answer counts. Null, or where it gives null: as much as all.
    /// </summary>
    public Func<HttpContext, ClientAllowance?>? Allowance { get; set; }

    /// <summary>
    /// How many queries there may be, by client, model or whatever it tells apart; each takes a permit for every image,
    /// before it is prepared, and holds them while it is prepared, or answered where it needs no preparation. A session
    /// takes none, and is not opened where the limiter knows when there will be some again. A client that gets none is
    /// told when to try again, where the limiter knows. Null: as many as are asked.
    /// </summary>
    public PartitionedRateLimiter<PopcornQuery>? QueryLimiter { get; set; }

    /// <summary>Allows keys below the library's minimum: tests only.</summary>
    internal KeyOptions? KeyOptions { get; set; }

    internal void Validate()
    {
        Require(MaxConnections > 0, $"{nameof(MaxConnections)} must be positive.");
        Require(
            MaxMessageBytes is > 0 and <= WireLimits.MaxMessageBytes,
            $"{nameof(MaxMessageBytes)} must be from 1 to {WireLimits.MaxMessageBytes}.");
        Require(MaxConnectionsPerAddress > 0, $"{nameof(MaxConnectionsPerAddress)} must be positive.");
        long ofConnection = 2 * WebSocketMessageChannel.MemoryOf(MaxMessageBytes);
        Require(MemoryBytes >= ofConnection, $"{nameof(MemoryBytes)} must be {ofConnection} at least.");
        Require(QueueTimeout >= TimeSpan.Zero, $"{nameof(QueueTimeout)} must not be negative.");
        Require(HandshakeTimeout > TimeSpan.Zero, $"{nameof(HandshakeTimeout)} must be positive.");
        Require(IdleTimeout > TimeSpan.Zero, $"{nameof(IdleTimeout)} must be positive.");
        Require(StallTimeout > TimeSpan.Zero, $"{nameof(StallTimeout)} must be positive.");
        Require(KeepAliveInterval > TimeSpan.Zero, $"{nameof(KeepAliveInterval)} must be positive.");
        Require(ShutdownGrace >= TimeSpan.Zero, $"{nameof(ShutdownGrace)} must not be negative.");
        Require(DegreeOfParallelism >= 0, $"{nameof(DegreeOfParallelism)} must not be negative.");
    }

    private static void Require(bool condition, string message)
    {
        if (!condition)
        {
            throw new PopcornException(message);
        }
    }
}

/// <summary>A query that a client asks for.</summary>
/// <param name="Context">The connection that it comes by: who the client is, from where.</param>
/// <param name="Model">The model's name.</param>
/// <param name="Images">Images of the query.</param>
public sealed record PopcornQuery(HttpContext Context, string Model, int Images);
