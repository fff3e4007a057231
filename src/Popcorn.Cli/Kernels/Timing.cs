namespace Popcorn.Cli.Kernels;

/// <summary>What was measured of one operation, round by round.</summary>
internal sealed class Timing(KernelOperation operation, int rounds)
{
    private readonly double[] _times = new double[rounds];
    private readonly double[] _references = new double[rounds];

    /// <summary>The operation.</summary>
    public KernelOperation Operation => operation;

    /// <summary>Microseconds per unit.</summary>
    public double Microseconds => Centre(_times);

    /// <summary>Microseconds of the reference, in each round.</summary>
    public IReadOnlyList<double> References => _references;

    /// <summary>Time per unit by the time of the reference just before and after it.</summary>
    public double RatioToReference => Centre([.. _times.Zip(_references, (time, reference) => time / reference)]);

    /// <summary>Stores what a round gave, in microseconds.</summary>
    public void Record(int round, double time, double reference)
    {
        _times[round] = time;
        _references[round] = reference;
    }

    /// <summary>The value in the middle, or the mean of the two there.</summary>
    public static double Median(IEnumerable<double> values)
    {
        double[] sorted = [.. values.Order()];
        return (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2;
    }

    /// <summary>A search's long runs belong to what it costs on average; elsewhere they are accidents.</summary>
    private double Centre(double[] values) => operation.IsSearch ? values.Average() : Median(values);
}
