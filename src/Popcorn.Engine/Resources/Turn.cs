using System.Diagnostics;

namespace Popcorn.Engine.Resources;

/// <summary>A session's turn to compute; its disposal ends it, once.</summary>
internal sealed class Turn(TurnQueue queue, Share session) : IDisposable
{
    private readonly long _start = Stopwatch.GetTimestamp();
    private TurnQueue? _queue = queue;

    public void Dispose() =>
        Interlocked.Exchange(ref _queue, null)?.End(session, Stopwatch.GetElapsedTime(_start).TotalSeconds);
}
