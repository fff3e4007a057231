using Popcorn.Engine.Model;

namespace Popcorn.Engine.Shares;

/// <summary>What the server tells of a linear layer's weights.</summary>
internal static class LinearLoad
{
    /// <summary>
    /// How far out a sum of independent centred shares lies with a chance of 2^−59 at most, in units of ‖w‖₂ times half
    /// a ring: a sub-Gaussian tail.
    /// </summary>
    private const double TailOfSums = 5.48;

    /// <summary>Products that a weight takes: dense ±1, dense of few bits, dense, and each that is not zero.</summary>
    private const double DenseBinary = 0.33, DenseFewBits = 1.2, Dense = 1.7, Sparse = 2.3;

    /// <summary>The terms of a layer.</summary>
    /// <param name="layer">The layer.</param>
    /// <param name="ring">k of its result.</param>
    /// <param name="areFresh">Whether each of its inputs has a share of its own.</param>
    public static PackedTerms Of(LinearLayer layer, int ring, bool areFresh)
    {
        double heaviest = 1;
        for (int output = 0; output < layer.Output.Channels; output++)
        {
            double absolute = 0, squares = 0, sum = 0;
            foreach (int weight in layer.WeightsOf(output))
            {
                absolute += Math.Abs((double)weight);
                squares += (double)weight * weight;
                sum += weight;
            }

            double random = (TailOfSums * Math.Sqrt(squares)) + (Math.Abs(sum) / Math.Pow(2, ring));
            heaviest = Math.Max(heaviest, areFresh ? Math.Min(absolute, random) : absolute);
        }

        LinearLayer divided = CommonFactors.Divide(layer, CommonFactors.Of(layer));
        double products = Math.Max(1, ProductsOf(divided) / layer.Output.Channels);
        return new PackedTerms(ExponentOf(heaviest), (int)Math.Ceiling(Math.Log2(products)));
    }

    private static int ExponentOf(double number) => (int)(BitConverter.DoubleToInt64Bits(number) >> 52) - 1023;

    private static double ProductsOf(LinearLayer layer)
    {
        double sparse = Sparse * layer.NonZero;
        return layer.WeightBits switch
        {
            <= 2 => Math.Min(sparse, DenseBinary * layer.Weights.Length),
            <= 5 => Math.Min(sparse, DenseFewBits * layer.Weights.Length),
            _ => Math.Min(sparse, Dense * layer.Weights.Length),
        };
    }
}
