using System.Numerics;
using Popcorn.Engine.Model;

namespace Popcorn.Engine.Shares;

/// <summary>
/// A factor for each channel (a batch normalisation, mostly) needs no ciphertexts of its own. Before a sign, [f·x + b ≥
/// 0] is x compared with a number that the server knows. Behind a linear layer the two are one linear layer. Either way
/// the layer of factors then passes its value on, so that layers keep their numbers. Which ones are merged follows from
/// the public network.
/// </summary>
internal static class ScaleMerging
{
    /// <summary>The public network, merged.</summary>
    public static PublicNetwork Of(PublicNetwork network)
    {
        PublicLayer[] layers = [.. network.Layers];
        foreach (int layer in BeforeSigns(network))
        {
            // What is compared is x less a number that need not be greater than x.
            layers[layer] = PassingOn(layers[layer], network.BoundBitsOf(layers[layer].Input) + 1);
        }

        foreach ((int first, int second) in PairsOf(network))
        {
            layers[first] = layers[first] with { BoundBits = layers[second].BoundBits };
            layers[second] = PassingOn(layers[second], layers[second].BoundBits);
        }

        return network with { Layers = layers };

        static PublicLayer PassingOn(PublicLayer layer, int boundBits) =>
            new(LayerKind.Concat, layer.Input, layer.Output, null, 0, boundBits);
    }

    /// <summary>The network, merged.</summary>
    /// <param name="network">The network.</param>
    /// <param name="description">Its public part, not merged.</param>
    /// <exception cref="PopcornException">A product of weights is too large for a weight.</exception>
    public static IntegerNetwork Of(IntegerNetwork network, PublicNetwork description)
    {
        Layer[] layers = [.. network.Layers];
        foreach (int layer in BeforeSigns(description))
        {
            layers[layer] = new ConcatLayer(layers[layer].Name, layers[layer].Input, [], layers[layer].Output);
        }

        foreach ((int first, int second) in PairsOf(description))
        {
            var scaled = (LinearLayer)layers[first];
            var scale = (LinearLayer)layers[second];
            layers[first] = Merge(scaled, scale);
            layers[second] = new ConcatLayer(scale.Name, scale.Input, [], scale.Output);
        }

        return network with { Layers = layers };
    }

    /// <summary>Layers of factors that only signs read.</summary>
    public static IEnumerable<int> BeforeSigns(PublicNetwork network) =>
        Enumerable.Range(0, network.Layers.Count - 1).Where(i =>
            IsScale(network.Layers[i], network.ShapeOf(network.Layers[i].Input))
            && network.Layers.Where(layer => layer.Inputs.Contains(i + 1)).ToArray() is [{ Kind: LayerKind.Sign }]);

    /// <summary>
    /// What the server adds to its shares of x before a sign, so that the sign is that of f·x + b, |x| &lt; 2^bits: for
    /// f &gt; 0 that is x ≥ −⌊b / f⌋, for f &lt; 0 the opposite of x ≥ ⌊b / −f⌋ + 1, and a sign is turned round by half
    /// a ring.
    /// </summary>
    /// <param name="scale">f and b, for each channel.</param>
    /// <param name="bits">Bits of the bound of x.</param>
    /// <param name="comparedBits">Bits that the sign looks at, without guard bits.</param>
    public static BigInteger[] ThresholdsOf(LinearLayer scale, int bits, int comparedBits)
    {
        BigInteger most = BigInteger.One << bits;
        return [.. scale.Weights.Zip(scale.Bias, (factor, bias) => factor switch
        {
            0 => bias.Sign >= 0 ? most : -most,
            > 0 => Clamp(Floor(bias, factor)),
            < 0 => Clamp(-Floor(bias, -(long)factor) - 1) + (BigInteger.One << (comparedBits - 1)),
        })];

        BigInteger Clamp(BigInteger number) => BigInteger.Max(-most, BigInteger.Min(most, number));

        static BigInteger Floor(BigInteger number, BigInteger divisor)
        {
            BigInteger quotient = BigInteger.DivRem(number, divisor, out BigInteger rest);
            return rest.Sign < 0 ? quotient - 1 : quotient;
        }
    }

    private static LinearLayer Merge(LinearLayer layer, LinearLayer scale)
    {
        var weights = new int[layer.Weights.Length];
        for (int i = 0; i < weights.Length; i++)
        {
            long weight = (long)layer.Weights[i] * scale.Weights[i / layer.WeightsPerOutput];
            weights[i] = Math.Abs(weight) <= int.MaxValue
                ? (int)weight
                : throw new PopcornException(
                    $"Layers '{layer.Name}' and '{scale.Name}' together have weights of more than 31 bits; import the "
                    + "network with fewer weight bits, or use another family.");
        }

        int taps = layer.Window.Taps;
        return layer with
        {
            Weights = weights,
            Bias = [.. layer.Bias.Select((bias, c) => (bias * scale.Weights[c]) + scale.Bias[c])],
            Padding = [.. layer.Padding.Select((padding, i) => padding * scale.Weights[i / taps])],
        };
    }

    /// <summary>Layers and the factors behind them, in order.</summary>
    private static IEnumerable<(int First, int Second)> PairsOf(PublicNetwork network)
    {
        var merged = new bool[network.Layers.Count];
        foreach (int layer in BeforeSigns(network))
        {
            merged[layer] = true;
        }

        int[] readers = new int[network.Layers.Count + 1];
        foreach (int input in network.Layers.SelectMany(layer => layer.Inputs))
        {
            readers[input]++;
        }

        for (int second = 1; second < network.Layers.Count; second++)
        {
            PublicLayer scale = network.Layers[second];
            int first = scale.Input - 1;
            if (first >= 0 && !merged[first] && !merged[second] && readers[first + 1] == 1
                && IsScale(scale, network.ShapeOf(scale.Input))
                && network.Layers[first].Kind == LayerKind.Linear && !MayBePool(network.Layers[first]))
            {
                merged[second] = true; // what stands there afterwards is not linear
                yield return (first, second);
            }
        }
    }

    private static bool IsScale(PublicLayer layer, Shape input) => layer.Kind == LayerKind.Linear
        && layer.Window == Window.Pointwise(input.Height, input.Width)
        && layer.Groups == input.Channels && layer.Output == input;

    /// <summary>Of a pool each party sums its own shares, which is cheaper than any product.</summary>
    private static bool MayBePool(PublicLayer layer) =>
        layer.Groups == layer.Output.Channels && layer.Window!.Value.Taps > 1;
}
