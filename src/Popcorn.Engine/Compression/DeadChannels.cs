using System.Numerics;
using Popcorn.Engine.Model;

namespace Popcorn.Engine.Compression;

/// <summary>
/// Removes the channels that pruning and rounding have left without effect: those that are constant, whose constant
/// goes into the biases of the layers that read them, and those that nobody reads. The network's function stays as it
/// is, bit for bit; what is gone costs no ciphertext, comparison or weight any more.
/// </summary>
internal static class DeadChannels
{
    /// <summary>The same network without them.</summary>
    /// <param name="network">A valid network.</param>
    /// <param name="removed">How many channels of linear layers are gone.</param>
    public static IntegerNetwork Remove(IntegerNetwork network, out int removed)
    {
        removed = 0;
        while (true)
        {
            IntegerNetwork folded = FoldConstants(network);
            bool[][] kept = Kept(folded);
            int gone = network.Layers
                .Select((layer, i) => layer is LinearLayer ? kept[i + 1].Count(keep => !keep) : 0).Sum();
            if (gone == 0)
            {
                return network;
            }

            // Once a single group is left, its channels can go one by one.
            removed += gone;
            network = Rebuild(folded, kept);
        }
    }

    /// <summary>Layers of one group no longer read what is constant.</summary>
    private static IntegerNetwork FoldConstants(IntegerNetwork network)
    {
        var bounds = Bounds.Of(network);
        return network with
        {
            Layers = [.. network.Layers.Select(layer => layer is LinearLayer { Groups: 1 } linear
                ? FoldConstants(linear, network.ShapeOf(linear.Input), bounds[linear.Input]) : layer)],
        };
    }

    private static LinearLayer FoldConstants(LinearLayer layer, Shape source, IReadOnlyList<Interval> channels)
    {
        int taps = layer.Window.Taps;
        int[] weights = [.. layer.Weights];
        BigInteger[] bias = [.. layer.Bias];
        bool within = layer.Window.AlwaysWithin(source.Height, source.Width);
        BigInteger[] padding = [.. layer.Padding];
        for (int c = 0; c < source.Channels; c++)
        {
            if (channels[c].Low != channels[c].High)
            {
                continue;
            }

            BigInteger constant = channels[c].Low;
            if (!within && padding.Length == 0 && !constant.IsZero)
            {
                padding = new BigInteger[layer.Output.Channels * taps];
            }

            for (int o = 0; o < layer.Output.Channels; o++)
            {
                for (int tap = 0; tap < taps; tap++)
                {
                    ref int weight = ref weights[(o * source.Channels + c) * taps + tap];
                    BigInteger share = weight * constant;
                    weight = 0;
                    bias[o] += share;
                    if (!within && !share.IsZero)
                    {
                        // The bias now counts this tap everywhere; outside the plane it must not.
                        padding[o * taps + tap] -= share;
                    }
                }
            }
        }

        return layer with { Weights = weights, Bias = bias, Padding = padding };
    }

    /// <summary>
    /// For each value the channels that stay: the logits and the input whole; of others those that a kept channel
    /// depends on, and those that must stay beside such a one because a layer reads both together.
    /// </summary>
    private static bool[][] Kept(IntegerNetwork network)
    {
        int values = network.Layers.Count + 1;
        var kept = new bool[values][];
        for (int v = 0; v < values; v++)
        {
            kept[v] = new bool[network.ShapeOf(v).Channels];
            Array.Fill(kept[v], v == 0 || v == values - 1);
        }

        Propagate(network, kept);
        foreach (bool[] channels in kept.Where(channels => !channels.Contains(true)))
        {
            // A value of which nothing is read still has a shape.
            channels[0] = true;
        }

        Propagate(network, kept);
        return kept;
    }

    private static void Propagate(IntegerNetwork network, bool[][] kept)
    {
        bool changed = true;
        while (changed)
        {
            changed = false;
            for (int i = network.Layers.Count - 1; i >= 0; i--)
            {
                foreach ((int value, int channel) in Required(network, i, kept))
                {
                    changed |= !kept[value][channel];
                    kept[value][channel] = true;
                }
            }
        }
    }

    /// <summary>What a layer requires, given what is known to stay.</summary>
    private static IEnumerable<(int Value, int Channel)> Required(IntegerNetwork network, int index, bool[][] kept)
    {
        Layer layer = network.Layers[index];
        int output = index + 1;
        bool[] outputs = kept[output];
        switch (layer)
        {
            case LinearLayer { Groups: 1 } linear:
                int inputs = kept[linear.Input].Length;
                for (int c = 0; c < inputs; c++)
                {
                    if (!kept[linear.Input][c] && IsRead(linear, c, outputs))
                    {
                        yield return (linear.Input, c);
                    }
                }

                break;
            case LinearLayer linear:
                // Groups must stay of one size: each stays whole, or goes.
                int inputsEach = kept[linear.Input].Length / linear.Groups;
                int outputsEach = outputs.Length / linear.Groups;
                for (int group = 0; group < linear.Groups; group++)
                {
                    if (!kept[linear.Input].AsSpan(group * inputsEach, inputsEach).Contains(true)
                        && !outputs.AsSpan(group * outputsEach, outputsEach).Contains(true))
                    {
                        continue;
                    }

                    for (int c = 0; c < inputsEach; c++)
                    {
                        yield return (linear.Input, group * inputsEach + c);
                    }

                    for (int c = 0; c < outputsEach; c++)
                    {
                        yield return (output, group * outputsEach + c);
                    }
                }

                break;
            case AddLayer or ConcatLayer or ReluLayer or ClipLayer or RescaleLayer or ShiftLayer or SquareLayer
                or SignLayer or MaxPoolLayer:
                // Channel by channel: all values that belong together, or those that stand behind each other.
                int first = 0;
                foreach (int value in layer.Inputs)
                {
                    for (int c = 0; c < kept[value].Length; c++)
                    {
                        if (kept[value][c] || outputs[first + c])
                        {
                            yield return (value, c);
                            yield return (output, first + c);
                        }
                    }

                    first += layer is ConcatLayer ? kept[value].Length : 0;
                }

                break;
            default:
                throw UnknownKind(layer);
        }
    }

    private static bool IsRead(LinearLayer layer, int channel, bool[] outputs) =>
        outputs.Index().Any(output => output.Item && layer.WeightsOf(output.Index, channel).ContainsAnyExcept(0));

    private static IntegerNetwork Rebuild(IntegerNetwork network, bool[][] kept) => network with
    {
        Layers = [.. network.Layers.Select((layer, i) => Shrink(layer, kept[layer.Input], kept[i + 1]))],
    };

    private static Layer Shrink(Layer layer, bool[] inputs, bool[] outputs)
    {
        Shape shape = layer.Output with { Channels = outputs.Count(keep => keep) };
        return layer switch
        {
            LinearLayer linear => linear with
            {
                Output = shape,
                // Several groups go whole or not at all.
                Groups = linear.Groups == 1 ? 1 : linear.Groups * shape.Channels / outputs.Length,
                Weights = Weights(linear, inputs, outputs),
                Bias = Of(linear.Bias, outputs, 1),
                Padding = Of(linear.Padding, outputs, linear.Window.Taps),
            },
            AddLayer add => add with
            {
                Output = shape,
                Factors = Of(add.Factors, outputs, 1),
                SecondFactors = Of(add.SecondFactors, outputs, 1),
            },
            ClipLayer clip => clip with { Output = shape, Caps = Of(clip.Caps, outputs, 1) },
            ConcatLayer or ReluLayer or RescaleLayer or ShiftLayer or SquareLayer or SignLayer or MaxPoolLayer =>
                layer with { Output = shape },
            _ => throw UnknownKind(layer),
        };
    }

    private static NotSupportedException UnknownKind(Layer layer) =>
        new($"Channels of a layer of kind {layer.Kind} cannot be removed.");

    private static int[] Weights(LinearLayer layer, bool[] inputs, bool[] outputs)
    {
        int[] rows = Of(layer.Weights, outputs, layer.WeightsPerOutput);
        int taps = layer.Window.Taps;
        return layer.Groups > 1 ? rows : [.. rows.Where((_, i) => inputs[i / taps % inputs.Length])];
    }

    /// <summary>What belongs to the kept channels, so many numbers for each.</summary>
    private static T[] Of<T>(T[] numbers, bool[] kept, int each) => numbers.Length == 0
        ? numbers
        : [.. numbers.Where((_, i) => kept[i / each])];
}
