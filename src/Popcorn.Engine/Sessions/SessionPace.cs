using Popcorn.Engine.Resources;

namespace Popcorn.Engine.Sessions;

/// <summary>A session's turn to compute: given up while it waits for its client, and for the next one.</summary>
/// <param name="resources">Where turns come from.</param>
/// <param name="cancellationToken">Ends the wait for a turn.</param>
internal sealed class SessionPace(SessionResources resources, CancellationToken cancellationToken) : IDisposable
{
    private Turn? _turn;

    /// <summary>Waits for a turn, if the session has none.</summary>
    public async ValueTask ResumeAsync() =>
        _turn ??= await resources.TakeTurnAsync(cancellationToken).ConfigureAwait(false);

    /// <summary>Gives the turn up, if the session has one.</summary>
    public void Rest()
    {
        _turn?.Dispose();
        _turn = null;
    }

    /// <inheritdoc/>
    public void Dispose() => Rest();
}
