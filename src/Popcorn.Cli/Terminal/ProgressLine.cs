using System.Diagnostics;
using Popcorn.Engine;
using Popcorn.Engine.Planning;
using Popcorn.Engine.Sessions;

namespace Popcorn.Cli.Terminal;

/// <summary>
/// One line on stderr that says how far a long task is: only on a terminal, and only once the task has taken two
/// seconds. Wiped when disposed.
/// </summary>
internal sealed class ProgressLine : IProgress<SessionProgress>, IDisposable
{
    private static readonly Lock Screen = new();
    private static bool _shown;

    private const int BarLength = 20;
    private const int WidthIfUnknown = 80;
    private const string Wipe = "\r\x1b[K";
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan Refresh = TimeSpan.FromSeconds(0.2);

    private readonly string _task;
    private readonly long _start = Stopwatch.GetTimestamp();
    private readonly Timer? _timer;
    private volatile string _state = "";
    private bool _disposed;

    /// <summary>Starts the clock of a task; its name leads the line.</summary>
    public ProgressLine(string task)
    {
        _task = task;
        if (!Console.IsErrorRedirected && Environment.GetEnvironmentVariable("TERM") != "dumb")
        {
            _timer = new Timer(_ => Draw(Width), null, Patience, Refresh);
        }
    }

    /// <summary>Writes lines where a progress line may stand, which comes back below them.</summary>
    public static void WriteAbove(TextWriter writer, string lines)
    {
        lock (Screen)
        {
            Erase();
            writer.WriteLine(lines);
        }
    }

    /// <summary>What a step does, in words.</summary>
    public static string NameOf(SessionProgress step) =>
        $"{(step.Phase == Phase.Offline ? "preparing " : "")}{step.Layer} (step {step.Step + 1} of {step.Steps})";

    /// <summary>Takes note of a step by itself, of a task whose end is not known.</summary>
    public void Report(SessionProgress value) => Set(Share(value.Done, value.Total), NameOf(value));

    /// <summary>Takes note of how much is done, and of what is being done.</summary>
    public void Report(int done, int total, string detail) => Report(Share(done, total), detail);

    /// <summary>Takes note of what fraction of the whole task is done: what is left will take as long for each part.
    /// </summary>
    public void Report(double fraction, string detail)
    {
        double seconds = Stopwatch.GetElapsedTime(_start).TotalSeconds;
        string left = fraction > 0 ? $"about {Units.Seconds(seconds / fraction * (1 - fraction))} left, " : "";
        Set(fraction, left + detail);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (Screen)
        {
            _timer?.Dispose();
            _disposed = true;
            Erase();
        }
    }

    /// <summary>The line, no longer than a terminal of this width takes without a break.</summary>
    internal string Text(int width)
    {
        string line = OneLine.Of($"{_task} {Units.Seconds(Stopwatch.GetElapsedTime(_start).TotalSeconds)} {_state}");
        return line.Length < width ? line : line[..(width - 1)];
    }

    /// <summary>Shows the line, or shows it anew.</summary>
    internal void Draw(int width)
    {
        lock (Screen)
        {
            if (!_disposed)
            {
                Console.Error.Write(Wipe + Text(width));
                _shown = true;
            }
        }
    }

    private static double Share(int done, int total) => total == 0 ? 0 : Math.Clamp((double)done / total, 0, 1);

    private static void Erase()
    {
        if (_shown)
        {
            Console.Error.Write(Wipe);
            _shown = false;
        }
    }

    private void Set(double fraction, string detail)
    {
        int filled = (int)(BarLength * fraction);
        _state = $"[{new string('#', filled)}{new string('.', BarLength - filled)}] {fraction * 100,3:0} % {detail}";
    }

    private static int Width => Console.WindowWidth is > 20 and int known ? known : WidthIfUnknown;
}
