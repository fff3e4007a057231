using System.Diagnostics;
using Popcorn.Engine.Planning;
using Popcorn.Engine.Resources;
using Popcorn.Interop;

namespace Popcorn.Engine.Sessions;

/// <summary>How a server runs its sessions.</summary>
public sealed record ServerOptions
{
    /// <summary>Threads that one session uses at most; 0: one per core.</summary>
    public int DegreeOfParallelism { get; init; }

    /// <summary>Smallest key that a client may bring.</summary>
    public int MinimumKeyBits { get; init; } = 2048;

    /// <summary>
    /// Whether clients may bring short-order keys: how their ciphertexts were made is hidden from those of them alone
    /// that made their key as they should.
    /// </summary>
    public bool AcceptShortOrder { get; init; }

    /// <summary>What these sessions share with each other: memory, tables, turns to compute.</summary>
    public ServerResources Resources { get; init; } = new();

    /// <summary>On whose account a session goes; one of its own if null.</summary>
    public ClientAccount? Client { get; init; }

    /// <summary>Prepared queries that a session keeps for its client.</summary>
    public int MaxPreparedQueries { get; init; } = 4;

    /// <summary>Longest time that a client may take for the handshake: its part of it, not the server's.</summary>
    public TimeSpan HandshakeTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Longest time that a session waits for its client's next query.</summary>
    public TimeSpan IdleTimeout { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>Longest time that a session waits for a message within a query, which holds memory.</summary>
    public TimeSpan StallTimeout { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>Ends the session between two queries, or in the handshake: a query under way goes on.</summary>
    public CancellationToken Stopping { get; init; }

    /// <summary>
    /// Asked before anything is computed: for the session, before the client's key is looked at, for each query,
    /// before it is prepared, and once more before it is run, where it was prepared ahead. What it gives is disposed
    /// when the preparation has ended, or the query that needs none, or, for a session, at once. Refuses by a
    /// <see cref="PopcornException"/>, after which the session goes on where a preparation was asked for, and ends
    /// where not.
    /// </summary>
    public Func<QueryRequest, CancellationToken, ValueTask<IDisposable?>>? Admit { get; init; }

    /// <summary>Keys below the library's minimum are accepted where this allows them: tests only.</summary>
    public KeyOptions? KeyOptions { get; init; }

    /// <summary>Told how far each query is.</summary>
    public IProgress<SessionProgress>? Progress { get; init; }

    /// <summary>
    /// Makes a span of each phase of a query, <c>popcorn.prepare</c> and <c>popcorn.query</c>, with an event where a
    /// step of it ends: model, family, images, bytes and the kind of an error, nothing that depends on an input or a
    /// key. Null: none.
    /// </summary>
    public ActivitySource? Traces { get; init; }

    /// <summary>Which models a client is told of that asks for one that is not here; null: of all.</summary>
    public Func<string, bool>? Shows { get; init; }

    /// <summary>Told of every query that was refused in a session that goes on.</summary>
    public Action<PopcornException>? QueryRefused { get; init; }

    /// <summary>Told of every finished query.</summary>
    public Action<QueryReport>? QueryDone { get; init; }
}

/// <summary>What a client asks for.</summary>
/// <param name="Model">The model's name.</param>
/// <param name="Images">Images of the query; 0: a session, whose queries are still to come.</param>
public sealed record QueryRequest(string Model, int Images)
{
    /// <summary>
    /// Whether it was admitted before and is prepared: it is to be counted no second time, but its client may have lost
    /// the right to it meanwhile.
    /// </summary>
    public bool IsPrepared { get; init; }
}

/// <summary>What a finished query cost, as the server saw it.</summary>
/// <param name="Model">The model's name.</param>
/// <param name="KeyBits">Bits of the client's key; 0 where it has none.</param>
/// <param name="Images">Images classified.</param>
/// <param name="Use">
/// What it took, from each phase's first message to its last; that of its preparation counts, however long before it
/// was.
/// </param>
/// <param name="WorkSeconds">Of its seconds, what the server did not spend on the connection.</param>
/// <param name="Products">Products modulo n² that the server did.</param>
public sealed record QueryReport(
    string Model, int KeyBits, int Images, QueryUse Use, double WorkSeconds, long Products)
{
    /// <summary>Time of the query, its preparation included.</summary>
    public double Seconds => Use.Total.Seconds;

    /// <summary>Bytes received.</summary>
    public long BytesUp => Use.Total.BytesUp;

    /// <summary>Bytes sent.</summary>
    public long BytesDown => Use.Total.BytesDown;
}
