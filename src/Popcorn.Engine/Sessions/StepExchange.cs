using Popcorn.Engine.Planning;
using Popcorn.Engine.Protocols;

namespace Popcorn.Engine.Sessions;

/// <summary>The messages of a query's steps over a connection.</summary>
/// <param name="connection">Sends.</param>
/// <param name="receiver">Receives, with its patience.</param>
/// <param name="progress">Told how far each step is.</param>
/// <param name="steps">Steps of the plan.</param>
/// <param name="cancellationToken">Ends the query.</param>
internal sealed class StepExchange(
    Connection connection, ReceiveTimeout receiver, IProgress<SessionProgress>? progress, int steps,
    CancellationToken cancellationToken) : IExchange
{
    /// <inheritdoc/>
    public CancellationToken Cancellation => cancellationToken;

    /// <inheritdoc/>
    public ValueTask SendAsync(int step, int first, ReadOnlyMemory<byte> payload) =>
        connection.SendChunkAsync(step, first, payload, cancellationToken);

    /// <inheritdoc/>
    public ValueTask<ReadOnlyMemory<byte>> ReceiveAsync(int step, int first) => receiver.ReceiveChunkAsync(step, first);

    /// <inheritdoc/>
    public void Report(PlanStep step, int done, int total) =>
        progress?.Report(new SessionProgress(step.Name, step.Index, steps, done, total));
}
