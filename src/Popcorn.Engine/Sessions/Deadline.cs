namespace Popcorn.Engine.Sessions;

/// <summary>
/// A limit on how long something takes as a whole, however many messages of a peer it waits for; and that its caller's
/// thread is free meanwhile.
/// </summary>
internal static class Deadline
{
    /// <summary>Runs something within a time.</summary>
    /// <param name="limit">The time; <see cref="Timeout.InfiniteTimeSpan"/> for any.</param>
    /// <param name="what">What takes so long, for the message: "The query".</param>
    /// <param name="action">Is told when to end.</param>
    /// <param name="cancellationToken">Ends it as well.</param>
    /// <exception cref="PopcornException">The time was over.</exception>
    public static async Task<T> RunAsync<T>(
        TimeSpan limit, string what, Func<CancellationToken, Task<T>> action, CancellationToken cancellationToken)
    {
        using var timer = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        timer.CancelAfter(limit);
        try
        {
            return await Task.Run(() => action(timer.Token), timer.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException e) when (!cancellationToken.IsCancellationRequested)
        {
            throw new PopcornException(
                PopcornError.Timeout, $"{what} took longer than {limit.TotalSeconds:0} s, the most allowed.", e);
        }
    }
}
