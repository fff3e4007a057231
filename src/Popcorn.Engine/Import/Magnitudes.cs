namespace Popcorn.Engine.Import;

/// <summary>How large numbers are, whatever their signs.</summary>
internal static class Magnitudes
{
    /// <summary>The largest magnitude; 0 of none.</summary>
    public static double Largest(ReadOnlySpan<double> values)
    {
        double largest = 0;
        foreach (double value in values)
        {
            largest = Math.Max(largest, Math.Abs(value));
        }

        return largest;
    }

    /// <summary>The mean magnitude of those that are not 0.</summary>
    public static double Mean(ReadOnlySpan<double> values)
    {
        double sum = 0;
        foreach (double value in values)
        {
            sum += Math.Abs(value);
        }

        return sum / (values.Length - values.Count(0.0));
    }
}
