namespace Popcorn.Engine.Model;

/// <summary>
/// What every value of a network can be, channel by channel, for any input within the network's range. All widths
/// (slots, masks, machine integers) follow from these intervals.
/// </summary>
internal sealed class Bounds
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
            channels[i + 1] = layer.BoundsFrom(
                network.ShapeOf(layer.Input), [.. layer.Inputs.Select(value => channels[value])]);
        }

        return new Bounds(channels);
    }
}
