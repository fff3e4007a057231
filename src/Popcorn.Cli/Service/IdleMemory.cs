using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Popcorn.Hosting;
using Popcorn.Interop;

namespace Popcorn.Cli.Service;

/// <summary>
/// Gives memory back to the system some time after the last client has left. While there are clients the process keeps
/// what queries had, for those to come, and without this it would for as long as it runs. Thread-safe.
/// </summary>
internal sealed partial class IdleMemory : IDisposable
{
    /// <summary>Longer than tables of keys are kept that nobody uses, and than a client takes to come back.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(90);

    private readonly Lock _lock = new();
    private readonly ILogger<IdleMemory> _logger;
    private readonly ITimer _timer;
    private int _sessions;

    /// <summary>From now on, too: models have just been compiled.</summary>
    /// <param name="logger">Told of what was given back.</param>
    /// <param name="clock">Tells when clients are gone for long enough.</param>
    public IdleMemory(ILogger<IdleMemory> logger, TimeProvider clock)
    {
        _logger = logger;
        _timer = clock.CreateTimer(_ => Release(), null, Patience, Timeout.InfiniteTimeSpan);
    }

    /// <summary>How often memory was given back.</summary>
    public int Releases { get; private set; }

    /// <summary>
    /// Lets a request through, and counts it while it runs if it is a session: others take no memory that is worth it,
    /// and probes never end.
    /// </summary>
    public async Task CountAsync(HttpContext context, RequestDelegate next)
    {
        if (!context.Request.Path.Equals(PopcornClient.DefaultPath, StringComparison.OrdinalIgnoreCase))
        {
            await next(context).ConfigureAwait(false);
            return;
        }

        lock (_lock)
        {
            _sessions++;
        }

        try
        {
            await next(context).ConfigureAwait(false);
        }
        finally
        {
            lock (_lock)
            {
                if (--_sessions == 0)
                {
                    _timer.Change(Patience, Timeout.InfiniteTimeSpan);
                }
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _timer.Dispose();

    private void Release()
    {
        lock (_lock)
        {
            // Whoever comes now waits for its end: with nothing but models there to look at, a tenth of a second.
            if (_sessions > 0)
            {
                return;
            }

            long before = Environment.WorkingSet;
            GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
            GC.WaitForPendingFinalizers();
            PaillierLibrary.ReleaseUnusedMemory();
            Releases++;
            LogReleased(before >> 20, Environment.WorkingSet >> 20);
        }
    }

    [LoggerMessage(LogLevel.Debug, "nobody is here: of {Before} MiB of memory {After} stay")]
    private partial void LogReleased(long before, long after);
}
