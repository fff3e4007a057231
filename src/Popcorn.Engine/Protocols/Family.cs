using System.Numerics;
using Popcorn.Engine.Model;
using Popcorn.Engine.Planning;
using Popcorn.Engine.Resources;
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

    /// <summary>Whether a server accepts short-order keys.</summary>
    public bool AcceptShortOrder { get; init; }

    /// <summary>Allows keys below the library's minimum: tests only.</summary>
    public KeyOptions? KeyOptions { get; init; }

    /// <summary>What a server's party shares with those of other sessions; null on the client.</summary>
    public SessionResources? Resources { get; init; }
}

/// <summary>A model as a family serves it, made once and shared by all connections.</summary>
internal abstract class ServerModel : IDisposable
{
    /// <summary>The plan of a query.</summary>
    /// <param name="keyBits">Bits of the client's key; a family without keys does not care.</param>
    /// <param name="images">Images of the query.</param>
    /// <param name="order">What the key's randomness is drawn from: what is cheapest may depend on it.</param>
    /// <exception cref="PopcornException">A value outgrows such a key, or these are too many images.</exception>
    public abstract Plan PlanFor(int keyBits, int images = 1, KeyOrder order = KeyOrder.Full);

    /// <summary>
    /// How a layer is computed, in words, and the products modulo n² that its weights take for one image.
    /// </summary>
    public abstract (string Strategy, double Products) Inspect(Plan plan, int layer);

    /// <summary>What a step takes of the server that only the weights tell, beside the products of its layer.</summary>
    public virtual Work WorkOfWeights(Plan plan, PlanStep step) => Work.None;

    /// <summary>What there is to say of how a layer is computed, beside words; null: nothing.</summary>
    public virtual LayerFacts? FactsOf(Plan plan, int layer) => null;

    /// <summary>
    /// Memory that a layer takes on the server beside the values that it reads and makes, in bytes: what the plan knows
    /// of it, and what only the server does.
    /// </summary>
    public virtual long WorkBytes(Plan plan, int layer) =>
        plan.Steps.Where(step => step.Layer == layer).Max(step => (long?)step.ServerBytes) ?? 0;

    /// <summary>
    /// Memory that a query holds on the server from its preparation until it is run, in bytes; none in a family that
    /// works online only.
    /// </summary>
    public virtual long BundleBytes(Plan plan) => 0;

    /// <summary>
    /// The server's side of a connection; cheap, because nobody knows yet whether the client is serious.
    /// </summary>
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
    /// <exception cref="PopcornException">There is no memory for that.</exception>
    public abstract Task SetUpAsync(IExchange exchange);

    /// <summary>A query, still to be prepared; where what all queries need is gone, it is made again.</summary>
    /// <param name="plan">Its plan.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="PopcornException">There is no memory for that.</exception>
    public abstract ValueTask<ServerQuery> NewQueryAsync(Plan plan, CancellationToken cancellationToken);

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

    /// <summary>Memory that the connection and a query take on the client, in bytes: known before any of it is taken.
    /// </summary>
    public abstract long MemoryOf(Plan plan);

    /// <summary>Makes what all queries need; once.</summary>
    public abstract Task SetUpAsync(IExchange exchange);

    /// <summary>A query, still to be prepared.</summary>
    public abstract ClientQuery NewQuery(Plan plan);

    /// <inheritdoc/>
    public abstract void Dispose();
}

/// <summary>
/// One party's part in one query. It is prepared once and run once: what was prepared for one input would tell of
/// another. Whoever begins to run it has used it up, however that ends.
/// </summary>
internal abstract class PartyQuery(Plan plan) : IDisposable
{
    private int _phase = -1;

    /// <summary>The plan, the same for both parties.</summary>
    public Plan Plan => plan;

    /// <summary>Runs the steps that need no input; where that fails, wipes what it held.</summary>
    public async Task PrepareAsync(IExchange exchange)
    {
        try
        {
            await RunAsync(Phase.Offline, exchange).ConfigureAwait(false);
            await FinishPreparingAsync().ConfigureAwait(false);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public abstract void Dispose();

    /// <summary>Called once when all steps that need no input have run: what the others do not need may go.</summary>
    protected virtual Task FinishPreparingAsync() => Task.CompletedTask;

    /// <summary>Runs the steps that need the input; a query that was not prepared refuses.</summary>
    protected Task RunOnlineAsync(IExchange exchange) => RunAsync(Phase.Online, exchange);

    /// <summary>Runs one step.</summary>
    protected abstract Task RunAsync(PlanStep step, IExchange exchange);

    private async Task RunAsync(Phase phase, IExchange exchange)
    {
        if (Interlocked.CompareExchange(ref _phase, (int)phase, (int)phase - 1) != (int)phase - 1)
        {
            throw new InvalidOperationException("A query is prepared once, and then run once.");
        }

        PlanStep[][] lanes = [.. plan.Steps.Where(step => step.Phase == phase)
            .GroupBy(step => step.Lane).Select(lane => lane.ToArray())];
        if (lanes.Length > 1)
        {
            await exchange.RunSideBySideAsync([.. lanes.Select(lane => (Func<Task>)(() => RunAsync(lane, exchange)))])
                .ConfigureAwait(false);
        }
        else
        {
            await RunAsync(lanes.FirstOrDefault() ?? [], exchange).ConfigureAwait(false);
        }
    }

    private async Task RunAsync(PlanStep[] steps, IExchange exchange)
    {
        foreach (PlanStep step in steps)
        {
            await RunAsync(step, exchange).ConfigureAwait(false);
        }
    }
}

/// <summary>The server's part in a query.</summary>
internal abstract class ServerQuery(Plan plan) : PartyQuery(plan)
{
    /// <summary>Memory that is reserved for it, and given back when it is disposed: while it waits, for what was
    /// prepared alone.</summary>
    public MemoryReservation? Memory { get; set; }

    /// <summary>Products modulo n² done so far.</summary>
    public virtual long Products => 0;

    /// <summary>Runs it, and wipes what it held.</summary>
    public async Task RunAsync(IExchange exchange)
    {
        using (this)
        {
            await RunOnlineAsync(exchange).ConfigureAwait(false);
        }
    }

    /// <inheritdoc/>
    public sealed override void Dispose()
    {
        Release();
        Memory?.Dispose();
    }

    /// <summary>Wipes and releases what it holds; called again, it does nothing.</summary>
    protected abstract void Release();
}

/// <summary>The client's part in a query.</summary>
internal abstract class ClientQuery(Plan plan) : PartyQuery(plan)
{
    /// <summary>Runs it on an input, and wipes what it held.</summary>
    /// <param name="input">The integers of all images, one image after the other; wiped by the caller.</param>
    /// <param name="exchange">The way to the server.</param>
    /// <returns>The logits of all images, one image after the other.</returns>
    public async Task<IReadOnlyList<BigInteger>> RunAsync(SecretArray<int> input, IExchange exchange)
    {
        using (this)
        {
            SetInput(input);
            await RunOnlineAsync(exchange).ConfigureAwait(false);
            return Logits;
        }
    }

    /// <summary>The logits, once all steps have run.</summary>
    protected abstract IReadOnlyList<BigInteger> Logits { get; }

    /// <summary>Takes the input, before the first online step.</summary>
    protected abstract void SetInput(SecretArray<int> input);
}
