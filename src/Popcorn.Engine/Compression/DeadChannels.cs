using Popcorn.Engine.Model;

namespace Popcorn.Engine.Compression;

/// <summary>
/// Removes the channels that no logit depends on, as pruning leaves them behind: they would be computed, masked, sent and
/// encrypted again for nothing. The logits stay what they are, bit for bit.
/// </summary>
public static class DeadChannels
{
    /// <summary>The network without its dead channels; itself where there is nothing to do.</summary>
    /// <param name="network">The network.</param>
    /// <param name="removed">Output channels that its linear layers lost.</param>
    public static IntegerNetwork Remove(IntegerNetwork network, out int removed)
    {
        removed = 0;
        while (true)
        {
            network = ConstantChannels.Fold(network);
            bool[][] live = FindLive(network);
            if (Array.TrueForAll(live, channels => !channels.Contains(false)))
            {
                return network;
            }

            removed += network.Layers
                .Select((layer, i) => layer is LinearLayer { IsPool: false } ? live[i + 1].Count(l => !l) : 0).Sum();
            // Where one group is left of several, it may lose channels that it could not lose among others.
            network = network with { Layers = [.. network.Layers.Select((layer, i) => Keep(layer, live, live[i + 1]))] };
        }
    }

    /// <summary>By value, the channels that must stay.</summary>
    private static bool[][] FindLive(IntegerNetwork network)
    {
        bool[][] live = [.. Enumerable.Range(0, network.Layers.Count + 1)
            .Select(value => new bool[network.ShapeOf(value).Channels])];
        Array.Fill(live[0], true);
        Array.Fill(live[^1], true);
        bool changed = true;
        while (changed)
        {
            changed = false;
            for (int i = network.Layers.Count - 1; i >= 0; i--)
            {
                changed |= Spread(network.Layers[i], live, live[i + 1]);
            }

            // No value can be without channels.
            if (!changed && Array.Find(live, channels => !channels.Contains(true)) is { } empty)
            {
                empty[0] = changed = true;
            }
        }

        return live;
    }

    /// <summary>
    /// Marks what must live because something else does: what a live output reads with a weight, and the other channels
    /// of a layer that cannot lose one alone.
    /// </summary>
    private static bool Spread(Layer layer, bool[][] live, bool[] output)
    {
        switch (layer)
        {
            case LinearLayer { Groups: 1 } linear:
                return SpreadByWeights(linear, live[layer.Input], output);
            case LinearLayer linear:
                bool changed = false;
                foreach (int group in Enumerable.Range(0, linear.Groups))
                {
                    changed |= Tie(PartOf(live[layer.Input], group, linear.Groups), PartOf(output, group, linear.Groups));
                }

                return changed;
            case ConcatLayer:
                changed = false;
                int first = 0;
                foreach (int value in layer.Inputs)
                {
                    changed |= TieEach(live[value], output.AsSpan(first, live[value].Length));
                    first += live[value].Length;
                }

                return changed;
            default:
                changed = false;
                foreach (int value in layer.Inputs)
                {
                    changed |= TieEach(live[value], output);
                }

                return changed;
        }
    }

    private static bool SpreadByWeights(LinearLayer layer, bool[] input, bool[] output)
    {
        bool changed = false;
        for (int i = 0; i < layer.Weights.Length; i++)
        {
            if (layer.Weights[i] != 0 && output[i / layer.Fan] && !input[layer.InputChannelOf(i)])
            {
                input[layer.InputChannelOf(i)] = changed = true;
            }
        }

        return changed;
    }

    private static Span<bool> PartOf(bool[] channels, int group, int groups) =>
        channels.AsSpan(channels.Length / groups * group, channels.Length / groups);

    /// <summary>Channels that live all, or none.</summary>
    private static bool Tie(Span<bool> some, Span<bool> others)
    {
        bool changed = (some.Contains(true) || others.Contains(true)) && (some.Contains(false) || others.Contains(false));
        if (changed)
        {
            some.Fill(true);
            others.Fill(true);
        }

        return changed;
    }

    private static bool TieEach(Span<bool> channels, Span<bool> others)
    {
        bool changed = false;
        for (int i = 0; i < channels.Length; i++)
        {
            changed |= Tie(channels.Slice(i, 1), others.Slice(i, 1));
        }

        return changed;
    }

    private static Layer Keep(Layer layer, bool[][] live, bool[] output)
    {
        bool[] input = live[layer.Input];
        Shape shape = layer.Output with { Channels = output.Count(l => l) };
        return layer switch
        {
            LinearLayer linear => linear with
            {
                Output = shape,
                Groups = linear.Groups == 1 ? 1 : linear.Groups * shape.Channels / output.Length,
                Weights = [.. linear.Weights.Where(
                    (_, i) => output[i / linear.Fan] && input[linear.InputChannelOf(i)])],
                Bias = [.. linear.Bias.Where((_, i) => output[i])],
                Padding = [.. linear.Padding.Where((_, i) => output[i / linear.Window.Taps])],
            },
            AddLayer add => add with
            {
                Output = shape,
                Factors = [.. add.Factors.Where((_, i) => output[i])],
                SecondFactors = [.. add.SecondFactors.Where((_, i) => output[i])],
            },
            ClipLayer clip => clip with { Output = shape, Caps = [.. clip.Caps.Where((_, i) => output[i])] },
            _ => layer with { Output = shape },
        };
    }
}
