using Popcorn.Engine.Model;

namespace Popcorn.Engine.Shares;

/// <summary>
/// What all weights of an output channel have in common: they are divided by it, and what their products make is raised
/// to it, which is cheaper by far than a large weight each. Binary weights with a factor for each channel are common.
/// </summary>
internal static class CommonFactors
{
    /// <summary>The factors of all channels; null where none is more than 1.</summary>
    public static uint[]? Of(LinearLayer layer)
    {
        var factors = new uint[layer.Output.Channels];
        for (int channel = 0; channel < factors.Length; channel++)
        {
            uint factor = 0;
            foreach (int weight in layer.WeightsOf(channel))
            {
                factor = GreatestCommonDivisor(factor, (uint)Math.Abs(weight));
            }

            factors[channel] = Math.Max(1, factor);
        }

        return Array.TrueForAll(factors, factor => factor == 1) ? null : factors;
    }

    /// <summary>The layer with its weights divided by the factors.</summary>
    public static LinearLayer Divide(LinearLayer layer, uint[]? factors)
    {
        int each = layer.WeightsPerOutput;
        return factors is null
            ? layer
            : layer with { Weights = [.. layer.Weights.Select((weight, i) => weight / (int)factors[i / each])] };
    }

    private static uint GreatestCommonDivisor(uint a, uint b)
    {
        while (b != 0)
        {
            (a, b) = (b, a % b);
        }

        return a;
    }
}
