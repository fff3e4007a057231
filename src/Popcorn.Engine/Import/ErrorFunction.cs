namespace Popcorn.Engine.Import;

/// <summary>erf(x) = 2/√π·∫₀ˣ exp(−t²) dt, which .NET lacks.</summary>
internal static class ErrorFunction
{
    /// <summary>Beyond it the function is ±1 in double precision.</summary>
    private const double Most = 6;

    public static double Of(double x)
    {
        double size = Math.Min(Math.Abs(x), Most);
        return Math.Sign(x) * (size < 2.5 ? Series(size) : 1 - Tail(size));
    }

    /// <summary>The inverse between −1 and 1, by halving.</summary>
    public static double Inverse(double y)
    {
        double low = -Most, high = Most;
        while (high - low > 1e-14)
        {
            double middle = (low + high) / 2;
            (low, high) = Of(middle) < y ? (middle, high) : (low, middle);
        }

        return (low + high) / 2;
    }

    /// <summary>2/√π·exp(−x²)·Σ 2ⁿ·x²ⁿ⁺¹/(1·3·5···(2n + 1)), all terms of which are positive.</summary>
    private static double Series(double x)
    {
        double term = x, sum = x;
        for (int n = 1; term > sum * 1e-17; n++)
        {
            term *= 2 * x * x / (2 * n + 1);
            sum += term;
        }

        return 2 / Math.Sqrt(Math.PI) * Math.Exp(-x * x) * sum;
    }

    /// <summary>1 − erf(x) by its continued fraction: exp(−x²)/√π/(x + ½/(x + 1/(x + 1½/(x + …)))).</summary>
    private static double Tail(double x)
    {
        double fraction = x;
        for (int k = 60; k > 0; k--)
        {
            fraction = x + k / 2.0 / fraction;
        }

        return Math.Exp(-x * x) / Math.Sqrt(Math.PI) / fraction;
    }
}
