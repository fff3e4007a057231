namespace Popcorn.Engine.Import;

/// <summary>
/// A floating-point graph whose weights are rounded, to multiples of a step for each output channel, and that is the
/// same otherwise: the measure of what rounding as such costs.
/// </summary>
internal static class RoundedWeights
{
    public static FloatNode Of(FloatNode output, int bits) =>
        FloatGraph.Rewritten(output, node => node is FloatLinear linear ? Round(linear, bits) : node);

    private static FloatLinear Round(FloatLinear linear, int bits)
    {
        double[] weights = [.. linear.Weights];
        int each = linear.WeightsPerOutput;
        for (int first = 0; first < weights.Length; first += each)
        {
            Round(weights.AsSpan(first, each), bits);
        }

        return linear.With(weights, linear.Bias);
    }

    private static void Round(Span<double> weights, int bits)
    {
        // A single bit is the sign of a weight, times the mean magnitude.
        double largest = Magnitudes.Largest(weights);
        double step = bits == 1 ? Magnitudes.Mean(weights) : largest / WeightSteps.LargestOf(bits);
        for (int i = 0; i < weights.Length && largest > 0; i++)
        {
            weights[i] = step * (bits == 1 ? Math.Sign(weights[i]) : Math.Round(weights[i] / step));
        }
    }
}
