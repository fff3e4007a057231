using System.Collections.Concurrent;
using System.Runtime.ExceptionServices;
using Popcorn.Engine.Planning;
using Popcorn.Engine.Protocols;

namespace Popcorn.Engine.Sessions;

/// <summary>The messages of a query's steps over a connection.</summary>
/// <param name="connection">Sends.</param>
/// <param name="receiver">Receives, with its patience.</param>
/// <param name="progress">Told how far each step is.</param>
/// <param name="plan">The plan; null: steps of one lane.</param>
/// <param name="cancellationToken">Ends the query.</param>
/// <param name="pace">The server's turns to compute; null on the client.</param>
internal sealed class StepExchange(
    Connection connection, ReceiveTimeout receiver, IProgress<SessionProgress>? progress, Plan? plan,
    CancellationToken cancellationToken, SessionPace? pace = null) : IExchange
{
    private readonly Inbox _inbox = new(receiver.ReceiveChunkAsync, plan);
    private readonly SemaphoreSlim _sending = new(1, 1);

    /// <inheritdoc/>
    public CancellationToken Cancellation { get; private set; } = cancellationToken;

    /// <inheritdoc/>
    public async ValueTask SendAsync(int step, int first, ReadOnlyMemory<byte> payload)
    {
        pace?.Rest();
        using (connection.BeginWait())
        {
            await _sending.WaitAsync(Cancellation).ConfigureAwait(false);
            try
            {
                await connection.SendChunkAsync(step, first, payload, Cancellation).ConfigureAwait(false);
            }
            finally
            {
                _sending.Release();
            }
        }

        try
        {
            await ResumeAsync().ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (step == plan?.Steps.Count - 1)
        {
            // A client may leave as soon as it has all logits: the query is done all the same. If more are due, the
            // next of them ends it.
        }
    }

    /// <inheritdoc/>
    public async ValueTask<ReadOnlyMemory<byte>> ReceiveAsync(int step, int first)
    {
        pace?.Rest();
        ReadOnlyMemory<byte> payload;
        using (connection.BeginWait())
        {
            payload = await _inbox.ReceiveAsync(step, first, Cancellation).ConfigureAwait(false);
        }

        await ResumeAsync().ConfigureAwait(false);
        return payload;
    }

    /// <inheritdoc/>
    public async Task RunSideBySideAsync(IReadOnlyList<Func<Task>> lanes)
    {
        CancellationToken whole = Cancellation;
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(whole);
        Cancellation = stop.Token;
        _inbox.HasLanes = true;
        var failures = new ConcurrentQueue<Exception>();
        using (connection.WaitOnlyIfAll(lanes.Count))
        {
            await Task.WhenAll(lanes.Select(lane => Task.Run(() => RunAsync(lane), CancellationToken.None)))
                .ConfigureAwait(false);
        }

        _inbox.HasLanes = false;
        Cancellation = whole;
        if (!failures.IsEmpty)
        {
            // One ends for the sake of another, and what it says of that is not why.
            ExceptionDispatchInfo.Throw(
                failures.FirstOrDefault(e => e is not OperationCanceledException) ?? failures.First());
        }

        if (_inbox.HasRest)
        {
            throw new PopcornException(PopcornError.Protocol, "The peer sent more than was due; refused.");
        }

        async Task RunAsync(Func<Task> lane)
        {
            try
            {
                await lane().ConfigureAwait(false);
            }
            catch (Exception e)
            {
                failures.Enqueue(e);
                await stop.CancelAsync().ConfigureAwait(false);
            }
        }
    }

    /// <inheritdoc/>
    public void Report(PlanStep step, int done, int total) =>
        progress?.Report(new SessionProgress(
            step.Name, step.Phase, step.Index, plan?.Steps.Count ?? 1, done, total));

    private ValueTask ResumeAsync() => pace is null ? ValueTask.CompletedTask : pace.ResumeAsync();
}
