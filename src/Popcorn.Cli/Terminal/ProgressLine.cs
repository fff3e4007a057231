using System.Diagnostics;
using Popcorn.Engine.Planning;
using Popcorn.Engine.Sessions;

namespace Popcorn.Cli.Terminal;

/// <summary>
/// One line on stderr that says how far a long task is: only on a terminal, and only once the task has taken two
/// seconds. Wiped when disposed.
/// </summary>
internal sealed class ProgressLine : IProgress<SessionProgress>, IDisposable
{
    private const int BarLength = 30;
    private const int WidthIfUnknown = 79;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan Refresh = TimeSpan.FromSeconds(0.2);

    private readonly string _task;
    private readonly long _start = Stopwatch.GetTimestamp();
    private readonly Lock _lock = new();
    private readonly Timer? _timer;
    private string _state = "";
    private bool _shown;
    private bool _disposed;

    /// <summary>Starts the clock of a task; its name leads the line.</summary>
    public ProgressLine(string task)
    {
        _task = task;
        if (!Console.IsErrorRedirected && Environment.GetEnvironmentVariable("TERM") != "dumb")
        {
            _timer = new Timer(_ => Draw(), null, Patience, Refresh);
        }
    }

    /// <inheritdoc/>
    public void Report(SessionProgress value)
    {
        string phase = value.Phase == Phase.Offline ? "preparing " : "";
        Report(value.Done, value.Total, $"{phase}{value.Layer} (step {value.Step + 1} of {value.Steps})");
    }

    /// <summary>Takes note of how much is done, and of what is being done.</summary>
    public void Report(int done, int total, string detail)
    {
        double fraction = total == 0 ? 0 : (double)done / total;
        int filled = (int)(BarLength * Math.Clamp(fraction, 0, 1));
        string bar = new string('#', filled) + new string('.', BarLength - filled);
        lock (_lock)
        {
            _state = $"[{bar}] {fraction * 100,3:0} % {detail}";
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (_lock)
        {
            _timer?.Dispose();
            _disposed = true;
            if (_shown)
            {
                Console.Error.Write("\r\x1b[K");
                _shown = false;
            }
        }
    }

    private void Draw()
    {
        lock (_lock)
        {
            if (_disposed)
            {
                return;
            }

            string line = $"{_task} {Units.Seconds(Stopwatch.GetElapsedTime(_start).TotalSeconds)} {_state}";
            int width = Console.WindowWidth is > 20 and int known ? known - 1 : WidthIfUnknown;
            Console.Error.Write($"\r\x1b[K{(line.Length > width ? line[..width] : line)}");
            _shown = true;
        }
    }
}
