using System.Diagnostics;
using Popcorn.Engine.Sessions;

namespace Popcorn.Cli.Terminal;

/// <summary>
/// One line on stderr that says how far a long task is: only on a terminal, and only once the task has taken two seconds.
/// Wiped when disposed.
/// </summary>
internal sealed class ProgressLine : IProgress<SessionProgress>, IDisposable
{
    private const int BarLength = 30;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan Refresh = TimeSpan.FromSeconds(0.1);

    private readonly bool _enabled =
        !Console.IsErrorRedirected && Environment.GetEnvironmentVariable("TERM") != "dumb";

    private readonly string _task;
    private readonly Stopwatch _clock = Stopwatch.StartNew();
    private readonly Lock _lock = new();
    private TimeSpan _shown;

    /// <summary>Starts the clock of a task; its name leads the line.</summary>
    public ProgressLine(string task) => _task = task;

    /// <inheritdoc/>
    public void Report(SessionProgress value) => Report(
        value.Total == 0 ? 0 : (double)value.Done / value.Total, $"step {value.Step}/{value.Steps} {value.Layer}");

    /// <summary>Shows a fraction done, 0 to 1, and what is being done.</summary>
    public void Report(double fraction, string detail)
    {
        if (!_enabled || _clock.Elapsed < Patience)
        {
            return;
        }

        lock (_lock)
        {
            if (_clock.Elapsed - _shown < Refresh)
            {
                return;
            }

            _shown = _clock.Elapsed;
            int filled = (int)(BarLength * Math.Clamp(fraction, 0, 1));
            string bar = new string('#', filled) + new string('.', BarLength - filled);
            string line = $"{_task} [{bar}] {fraction * 100,3:0} % {Units.Seconds(_clock.Elapsed.TotalSeconds)} {detail}";
            int width = Math.Max(20, Console.WindowWidth - 1);
            Console.Error.Write($"\r\x1b[K{(line.Length > width ? line[..width] : line)}");
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (_lock)
        {
            if (_shown > TimeSpan.Zero)
            {
                Console.Error.Write("\r\x1b[K");
                _shown = TimeSpan.Zero;
            }
        }
    }
}
