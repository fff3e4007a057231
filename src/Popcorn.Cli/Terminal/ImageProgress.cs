using System.Diagnostics;

namespace Popcorn.Cli.Terminal;

/// <summary>The progress line of a task that takes image after image.</summary>
internal sealed class ImageProgress : IDisposable
{
    private readonly ProgressLine _line;
    private readonly int _count;
    private readonly long _start = Stopwatch.GetTimestamp();
    private int _done;

    /// <summary>Starts a task of so many images; its name leads the line.</summary>
    public ImageProgress(string task, int count)
    {
        _count = count;
        _line = new ProgressLine(task);
        _line.Report(0, count, $"0 of {Units.Count(count)} images");
    }

    /// <summary>Time since the start, in seconds.</summary>
    public double Seconds => Stopwatch.GetElapsedTime(_start).TotalSeconds;

    /// <summary>Takes note of one more image; by one thread at a time.</summary>
    public void Next()
    {
        _done++;
        double seconds = Seconds;
        // How long still, how fast, how far: what a narrow terminal cuts off matters least.
        _line.Report(
            _done,
            _count,
            $"{Units.Seconds(seconds / _done * (_count - _done))} left, {Units.Rate(_done / seconds)} images/s "
            + $"({Units.Count(_done)} of {Units.Count(_count)})");
    }

    /// <inheritdoc/>
    public void Dispose() => _line.Dispose();
}
