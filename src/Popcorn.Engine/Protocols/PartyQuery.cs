using System.Numerics;
using Popcorn.Engine.Planning;

namespace Popcorn.Engine.Protocols;

/// <summary>
/// One party's part in one query. It is prepared once and run once: what was prepared for one input would tell of
/// another. Whoever begins to run it has used it up, however that ends.
/// </summary>
internal abstract class PartyQuery(Plan plan) : IDisposable
{
    private int _phase = -1;

    /// <summary>The plan, the same for both parties.</summary>
    public Plan Plan => plan;

    /// <summary>Runs the steps that need no input.</summary>
    public Task PrepareAsync(IExchange exchange) => RunAsync(Phase.Offline, exchange);

    /// <inheritdoc/>
    public abstract void Dispose();

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

        foreach (PlanStep step in plan.Steps.Where(step => step.Phase == phase))
        {
            await RunAsync(step, exchange).ConfigureAwait(false);
        }
    }
}

/// <summary>The server's part in a query.</summary>
internal abstract class ServerQuery(Plan plan) : PartyQuery(plan)
{
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
}

/// <summary>The client's part in a query.</summary>
internal abstract class ClientQuery(Plan plan) : PartyQuery(plan)
{
    /// <summary>Runs it on an input, and wipes what it held.</summary>
    /// <param name="input">The integers of all images, one image after the other; wiped by the caller.</param>
    /// <param name="exchange">The way to the server.</param>
    /// <returns>The logits of all images, one image after the other.</returns>
    public async Task<IReadOnlyList<BigInteger>> RunAsync(int[] input, IExchange exchange)
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
    protected abstract void SetInput(int[] input);
}
