using System.Numerics;
using Popcorn.Engine.Model;

namespace Popcorn.Engine.Planning;

/// <summary>
/// What every value of a network can be, channel by channel, for any input within the network's range. All widths
/// (slots, masks, machine integers) follow from these intervals.
/// </summary>
public sealed class Bounds
{
    private readonly Interval[][] _channels;

    private Bounds(Interval[][] channels) => _channels = channels;

    /// <summary>The interval of each channel of a value (0 is the input, i + 1 the output of layer i).</summary>
    public IReadOnlyList<Interval> this[int value] => _channels[value];

    /// <summary>The interval that holds all channels of a value.</summary>
    public Interval Hull(int value) => _channels[value].Aggregate((a, b) => a.Hull(b));

    /// <summary>Bounds of all values of a network.</summary>
    public static Bounds Of(IntegerNetwork network)
    {
        var channels = new Interval[network.Layers.Count + 1][];
        var input = new Interval(network.Input.Minimum, network.Input.Maximum);
        channels[0] = [.. Enumerable.Repeat(input, network.Input.Shape.Channels)];
        for (int i = 0; i < network.Layers.Count; i++)
        {
            Layer layer = network.Layers[i];
            channels[i + 1] = Through(
                layer, network.ShapeOf(layer.Input), [.. layer.Inputs.Select(value => channels[value])]);
        }

        return new Bounds(channels);
    }

    /// <summary>Bounds of the output channels of one layer.</summary>
    /// <param name="layer">The layer.</param>
    /// <param name="shape">Shape of what it reads first.</param>
    /// <param name="sources">For every value it reads the bounds of its channels.</param>
    public static Interval[] Through(Layer layer, Shape shape, params Interval[][] sources)
    {
        Interval[] source = sources[0];
        return layer switch
        {
            LinearLayer linear => Linear(linear, shape, source),
            AddLayer add => [.. source.Select((x, c) =>
                x.Times(add.Factors[c]).Plus(sources[1][c].Times(add.SecondFactors[c])))],
            ConcatLayer => [.. sources.SelectMany(x => x)],
            ReluLayer => Array.ConvertAll(source, x => x.Relu()),
            ClipLayer clip => [.. source.Select((x, c) => x.Clip(clip.Caps[c]))],
            RescaleLayer rescale => Array.ConvertAll(source, x => x.Rescale(rescale.Shift)),
            SquareLayer => Array.ConvertAll(source, x => x.Square()),
            SignLayer => Array.ConvertAll(source, x => x.Sign()),
            MaxPoolLayer { WithZero: true } => Array.ConvertAll(source, x => x.Relu()),
            MaxPoolLayer => source,
            _ => throw new NotSupportedException($"No bounds are defined for a layer of kind {layer.Kind}."),
        };
    }

    /// <summary>
    /// Sums w·[low, high] over the taps. Weights of one input channel with the same sign and the same presence share
    /// one wide product.
    /// </summary>
    private static Interval[] Linear(LinearLayer layer, Shape source, Interval[] channels)
    {
        if (layer.Padding.Length > 0)
        {
            return LinearWithPadding(layer, source, channels);
        }

        Presence[] presence = PresenceOfTaps(layer.Window, source);
        int taps = layer.Window.Taps;
        int inputsPerGroup = source.Channels / layer.Groups;
        int outputsPerGroup = layer.Output.Channels / layer.Groups;
        var result = new Interval[layer.Output.Channels];
        for (int output = 0; output < result.Length; output++)
        {
            int firstInput = output / outputsPerGroup * inputsPerGroup;
            BigInteger low = layer.Bias[output];
            BigInteger high = low;
            for (int input = 0; input < inputsPerGroup; input++)
            {
                long positive = 0, negative = 0, sometimesPositive = 0, sometimesNegative = 0;
                ReadOnlySpan<int> weights = layer.Weights.AsSpan((output * inputsPerGroup + input) * taps, taps);
                for (int tap = 0; tap < taps; tap++)
                {
                    long weight = weights[tap];
                    switch (presence[tap])
                    {
                        case Presence.Always when weight > 0: positive += weight; break;
                        case Presence.Always: negative += weight; break;
                        case Presence.Sometimes when weight > 0: sometimesPositive += weight; break;
                        case Presence.Sometimes: sometimesNegative += weight; break;
                        default: break;
                    }
                }

                Interval always = channels[firstInput + input];
                Interval sometimes = always.HullWithZero();
                low += positive * always.Low + negative * always.High
                    + sometimesPositive * sometimes.Low + sometimesNegative * sometimes.High;
                high += positive * always.High + negative * always.Low
                    + sometimesPositive * sometimes.High + sometimesNegative * sometimes.Low;
            }

            result[output] = new Interval(low, high);
        }

        return result;
    }

    /// <summary>The same where a tap outside the plane adds a number of its own: tap by tap.</summary>
    private static Interval[] LinearWithPadding(LinearLayer layer, Shape source, Interval[] channels)
    {
        Presence[] presence = PresenceOfTaps(layer.Window, source);
        int taps = layer.Window.Taps;
        int inputsPerGroup = source.Channels / layer.Groups;
        int outputsPerGroup = layer.Output.Channels / layer.Groups;
        var result = new Interval[layer.Output.Channels];
        for (int output = 0; output < result.Length; output++)
        {
            int firstInput = output / outputsPerGroup * inputsPerGroup;
            var sum = new Interval(layer.Bias[output], layer.Bias[output]);
            for (int tap = 0; tap < taps; tap++)
            {
                BigInteger padding = layer.Padding[output * taps + tap];
                var absent = new Interval(padding, padding);
                if (presence[tap] == Presence.Never)
                {
                    sum = sum.Plus(absent);
                    continue;
                }

                Interval present = default;
                for (int input = 0; input < inputsPerGroup; input++)
                {
                    int weight = layer.Weights[(output * inputsPerGroup + input) * taps + tap];
                    if (weight != 0)
                    {
                        present = present.Plus(channels[firstInput + input].Times(weight));
                    }
                }

                sum = sum.Plus(presence[tap] == Presence.Always ? present : present.Hull(absent));
            }

            result[output] = sum;
        }

        return result;
    }

    /// <summary>Whether a tap sees the plane from all output positions, from some, or from none.</summary>
    private static Presence[] PresenceOfTaps(Window window, Shape source)
    {
        Presence[] rows = PresenceAlong(
            window.KernelHeight, window.StrideY, window.DilationY, window.PadTop, window.OutputHeight, source.Height);
        Presence[] columns = PresenceAlong(
            window.KernelWidth, window.StrideX, window.DilationX, window.PadLeft, window.OutputWidth, source.Width);
        var result = new Presence[window.Taps];
        for (int y = 0; y < rows.Length; y++)
        {
            for (int x = 0; x < columns.Length; x++)
            {
                result[y * columns.Length + x] = (Presence)Math.Min((int)rows[y], (int)columns[x]);
            }
        }

        return result;
    }

    private static Presence[] PresenceAlong(int kernel, int stride, int dilation, int pad, int outputs, int size)
    {
        var result = new Presence[kernel];
        for (int tap = 0; tap < kernel; tap++)
        {
            int present = 0;
            for (int output = 0; output < outputs; output++)
            {
                if ((uint)(output * stride - pad + tap * dilation) < (uint)size)
                {
                    present++;
                }
            }

            result[tap] = present == 0 ? Presence.Never : present == outputs ? Presence.Always : Presence.Sometimes;
        }

        return result;
    }

    private enum Presence
    {
        Never,
        Sometimes,
        Always,
    }
}
