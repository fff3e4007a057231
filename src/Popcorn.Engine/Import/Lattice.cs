namespace Popcorn.Engine.Import;

/// <summary>Numbers that are small multiples of one step, as the weights of quantized networks are.</summary>
internal static class Lattice
{
    /// <summary>How far from a multiple a weight may be, in steps: what single precision leaves.</summary>
    public const double Error = 1e-4;

    /// <summary>
    /// Weights of a channel for each of its magnitudes, at least, if that they are multiples of one number shall mean
    /// something: any single weight is one of itself.
    /// </summary>
    private const int LeastRepetition = 4;

    /// <summary>The greatest step that all weights are multiples of, so many at most; 0 where there is none.</summary>
    public static double StepOf(ReadOnlySpan<double> weights, int mostMultiple)
    {
        double largest = Magnitudes.Largest(weights);
        for (int multiple = 1; multiple <= mostMultiple && largest > 0; multiple++)
        {
            double step = largest / multiple;
            if (Holds(weights, step))
            {
                return step;
            }
        }

        return 0;
    }

    /// <summary>Whether weights are multiples of a step; one that is small beside it is none, only 0 is.</summary>
    public static bool Holds(ReadOnlySpan<double> weights, double step)
    {
        foreach (double weight in weights)
        {
            double multiple = weight / step;
            bool isWhole = Math.Abs(multiple - Math.Round(multiple)) <= Error;
            if (multiple != 0 && !(isWhole && Math.Abs(multiple) > 0.5))
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>Whether so many weights are multiples of a step that it cannot be by chance.</summary>
    public static bool IsRepeated(ReadOnlySpan<double> weights, double step)
    {
        var magnitudes = new HashSet<int>();
        int count = 0;
        foreach (double weight in weights)
        {
            if (weight != 0)
            {
                magnitudes.Add((int)Math.Round(Math.Abs(weight) / step));
                count++;
            }
        }

        return count >= LeastRepetition * magnitudes.Count;
    }
}
