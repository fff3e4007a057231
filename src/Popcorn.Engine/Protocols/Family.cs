using Popcorn.Engine.Model;
using Popcorn.Engine.Planning;
using Popcorn.Interop;

namespace Popcorn.Engine.Protocols;

/// <summary>
/// A family of protocols: one way in which two parties compute a network together. A family plans, prepares and runs
/// layers for each party; what is common to all (shaking hands, sessions, transport, costs) knows none by name.
/// </summary>
public abstract class Family
{
    /// <summary>Its name on the wire and on the command line.</summary>
    public abstract string Name { get; }

    /// <summary>Makes a network ready to be served.</summary>
    /// <param name="network">The network, valid.</param>
    /// <param name="description">Its public part.</param>
    /// <exception cref="PopcornException">The family has no protocol for one of its layers.</exception>
    internal abstract ServerModel Compile(IntegerNetwork network, PublicNetwork description);

    /// <summary>The client's side of a connection.</summary>
    /// <param name="key">The client's key; must outlive what is returned.</param>
    /// <param name="options">How the party works.</param>
    internal abstract ClientParty CreateClient(PaillierPrivateKey key, PartyOptions options);
}

/// <summary>How a party works on its connections.</summary>
/// <param name="DegreeOfParallelism">Threads that a connection uses at most; 0: one per core.</param>
internal sealed record PartyOptions(int DegreeOfParallelism)
{
    /// <summary>Length of the client's encryption randomness.</summary>
    public RandomnessProfile Profile { get; init; }

    /// <summary>Smallest key that a server accepts, in bits.</summary>
    public int MinimumKeyBits { get; init; }

    /// <summary>Allows keys below the library's minimum: tests only.</summary>
    public KeyOptions? KeyOptions { get; init; }
}

/// <summary>A model as a family serves it, made once and shared by all connections.</summary>
internal abstract class ServerModel : IDisposable
{
    /// <summary>The plan of a query.</summary>
    /// <param name="keyBits">Bits of the client's key; a family without keys does not care.</param>
    /// <param name="images">Images of the query.</param>
    /// <exception cref="PopcornException">A value outgrows such a key, or these are too many images.</exception>
    public abstract Plan PlanFor(int keyBits, int images = 1);

    /// <summary>
    /// How a layer is computed, in words, and the products modulo n² that its weights take for one image.
    /// </summary>
    public abstract (string Strategy, double Products) Inspect(Plan plan, int layer);

    /// <summary>The server's side of a connection.</summary>
    /// <param name="opening">What the client said at first; checked here.</param>
    /// <param name="options">How the party works.</param>
    /// <exception cref="PopcornException">The client is refused.</exception>
    public abstract ServerParty Admit(ReadOnlySpan<byte> opening, PartyOptions options);

    /// <inheritdoc/>
    public virtual void Dispose()
    {
    }
}

/// <summary>The server's side of one connection.</summary>
internal abstract class ServerParty : IDisposable
{
    /// <summary>What the server tells the client of its choices, beside the network.</summary>
    public abstract ReadOnlyMemory<byte> Terms { get; }

    /// <summary>Bits of the client's key; 0 where there is none.</summary>
    public virtual int KeyBits => 0;

    /// <summary>The plan of a query of some images.</summary>
    /// <exception cref="PopcornException">These are too many.</exception>
    public abstract Plan PlanFor(int images);

    /// <summary>
    /// Makes what all queries need; once, when both parties have agreed on the plan of a single image.
    /// </summary>
    public abstract Task SetUpAsync(IExchange exchange);

    /// <summary>A query, still to be prepared.</summary>
    public abstract ServerQuery NewQuery(Plan plan);

    /// <inheritdoc/>
    public abstract void Dispose();
}

/// <summary>The client's side of one connection.</summary>
internal abstract class ClientParty : IDisposable
{
    /// <summary>What the client says at first.</summary>
    public abstract ReadOnlyMemory<byte> Opening { get; }

    /// <summary>Takes the server's description and choices.</summary>
    /// <param name="network">What the client knows of the network; valid.</param>
    /// <param name="terms">See <see cref="ServerParty.Terms"/>; checked here.</param>
    /// <returns>The plan of a single image.</returns>
    /// <exception cref="PopcornException">They are not sound.</exception>
    public abstract Plan Agree(PublicNetwork network, ReadOnlySpan<byte> terms);

    /// <summary>The plan of a query of some images.</summary>
    /// <exception cref="PopcornException">These are too many.</exception>
    public abstract Plan PlanFor(int images);

    /// <summary>Makes what all queries need; once.</summary>
    public abstract Task SetUpAsync(IExchange exchange);

    /// <summary>A query, still to be prepared.</summary>
    public abstract ClientQuery NewQuery(Plan plan);

    /// <inheritdoc/>
    public abstract void Dispose();
}
