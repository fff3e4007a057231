using Popcorn.Engine.Planning;
using Popcorn.Engine.Protocols;

namespace Popcorn.Engine.Sessions;

/// <summary>
/// The messages of a query's steps over a connection. One task may send while another receives.
/// </summary>
/// <param name="connection">Sends.</param>
/// <param name="receiver">Receives, with its patience.</param>
/// <param name="progress">Told how far each step is.</param>
/// <param name="steps">Steps of the plan.</param>
/// <param name="cancellationToken">Ends the query.</param>
/// <param name="pace">The server's turns to compute; null on the client.</param>
internal sealed class StepExchange(
    Connection connection, ReceiveTimeout receiver, IProgress<SessionProgress>? progress, int steps,
    CancellationToken cancellationToken, SessionPace? pace = null) : IExchange
{
    /// <inheritdoc/>
    public CancellationToken Cancellation => cancellationToken;

    /// <inheritdoc/>
    public async ValueTask SendAsync(int step, int first, ReadOnlyMemory<byte> payload)
    {
        pace?.Rest();
        await connection.SendChunkAsync(step, first, payload, cancellationToken).ConfigureAwait(false);
        try
        {
            await ResumeAsync().ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (step == steps - 1)
        {
            // A client may leave as soon as it has all logits: the query is done all the same. If more are due, the
            // next of them ends it.
        }
    }

    /// <inheritdoc/>
    public async ValueTask<ReadOnlyMemory<byte>> ReceiveAsync(int step, int first)
    {
        pace?.Rest();
        ReadOnlyMemory<byte> payload = await receiver.ReceiveChunkAsync(step, first).ConfigureAwait(false);
        await ResumeAsync().ConfigureAwait(false);
        return payload;
    }

    /// <inheritdoc/>
    public void Report(PlanStep step, int done, int total) =>
        progress?.Report(new SessionProgress(step.Name, step.Phase, step.Index, steps, done, total));

    private ValueTask ResumeAsync() => pace is null ? ValueTask.CompletedTask : pace.ResumeAsync();
}
