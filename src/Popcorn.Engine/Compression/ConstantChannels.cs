using System.Numerics;
using Popcorn.Engine.Model;
using Popcorn.Engine.Planning;

namespace Popcorn.Engine.Compression;

/// <summary>
/// Makes what linear layers read of channels that never change part of their biases, exactly: a product with a constant
/// needs no ciphertext. A tap outside the plane does not see the constant, so its padding takes it back.
/// </summary>
internal static class ConstantChannels
{
    /// <summary>The same network without weights on constant channels; itself where it has none.</summary>
    public static IntegerNetwork Fold(IntegerNetwork network)
    {
        Bounds bounds = Bounds.Of(network);
        Layer[] layers = [.. network.Layers.Select(layer => layer is LinearLayer { IsPool: false } linear
            ? Fold(linear, network.ShapeOf(layer.Input), bounds[layer.Input])
            : layer)];
        // With constants in one place, bounds can become tight enough to show more of them.
        return layers.SequenceEqual(network.Layers, ReferenceEqualityComparer.Instance)
            ? network
            : Fold(network with { Layers = layers });
    }

    private static LinearLayer Fold(LinearLayer layer, Shape source, IReadOnlyList<Interval> channels)
    {
        if (!channels.Any(IsConstant))
        {
            return layer;
        }

        int taps = layer.Window.Taps;
        int[] weights = [.. layer.Weights];
        BigInteger[] bias = [.. layer.Bias];
        BigInteger[] padding =
            layer.Padding.Length > 0 ? [.. layer.Padding]
            : layer.Window.AlwaysWithin(source.Height, source.Width) ? []
            : new BigInteger[bias.Length * taps];
        bool changed = false;
        for (int i = 0; i < weights.Length; i++)
        {
            if (weights[i] == 0 || !IsConstant(channels[layer.InputChannelOf(i)]))
            {
                continue;
            }

            int output = i / layer.Fan;
            BigInteger product = weights[i] * channels[layer.InputChannelOf(i)].Low;
            bias[output] += product;
            if (padding.Length > 0)
            {
                padding[output * taps + i % taps] -= product;
            }

            weights[i] = 0;
            changed = true;
        }

        bool isPadded = !Array.TrueForAll(padding, p => p.IsZero);
        return changed ? layer with { Weights = weights, Bias = bias, Padding = isPadded ? padding : [] } : layer;
    }

    private static bool IsConstant(Interval channel) => channel.Low == channel.High;
}
