namespace Popcorn.Cli.Terminal;

/// <summary>Figures as people read them.</summary>
internal static class Units
{
    /// <summary>Bytes in decimal units with three digits: <c>1.53 MB</c>.</summary>
    public static string Bytes(double bytes) => bytes switch
    {
        < 1e3 => $"{bytes:0} B",
        < 1e6 => $"{bytes / 1e3:G3} kB",
        < 1e9 => $"{bytes / 1e6:G3} MB",
        _ => $"{bytes / 1e9:0.00} GB",
    };

    /// <summary>A duration: <c>13 ms</c>, <c>2.31 s</c>, <c>4 min 07 s</c>.</summary>
    public static string Seconds(double seconds) => seconds switch
    {
        < 0.1 => $"{seconds * 1e3:0.0} ms",
        < 120 => $"{seconds:0.00} s",
        _ => $"{(int)(seconds / 60)} min {seconds % 60:00} s",
    };

    /// <summary>So many a second: <c>2,530</c>, <c>4.7</c>.</summary>
    public static string Rate(double rate) => rate < 100 ? $"{rate:G2}" : $"{rate:N0}";

    /// <summary>A count with separators: <c>1,234,567</c>.</summary>
    public static string Count(long count) => count.ToString("N0");

    /// <summary>A fraction as a percentage: <c>98.62 %</c>.</summary>
    public static string Percent(double fraction) => $"{fraction * 100:0.00} %";
}
