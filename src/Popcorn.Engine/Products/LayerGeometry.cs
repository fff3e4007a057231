using Popcorn.Engine.Model;

namespace Popcorn.Engine.Products;

/// <summary>Which inputs the windows of a layer see.</summary>
internal sealed class LayerGeometry
{
    public LayerGeometry(LinearLayer layer, Shape input)
    {
        Layer = layer;
        Input = input;
        var seen = new bool[input.Area];
        foreach (int position in Enumerable.Range(0, layer.Output.Area).SelectMany(PositionsOf).Where(p => p >= 0))
        {
            WindowsOverlap |= seen[position];
            seen[position] = true;
        }

        Seen = [.. Enumerable.Range(0, input.Area).Where(position => seen[position])];
    }

    public LinearLayer Layer { get; }

    public Shape Input { get; }

    /// <summary>Positions of the input plane that some window sees, ascending.</summary>
    public int[] Seen { get; }

    /// <summary>Whether two windows see one position.</summary>
    public bool WindowsOverlap { get; }

    /// <summary>Input channels of one group.</summary>
    public int GroupChannels => Input.Channels / Layer.Groups;

    /// <summary>The same layer on fewer input channels: the first ones of each group.</summary>
    public LayerGeometry WithChannels(int channels)
    {
        int taps = Layer.Window.Taps;
        int[] weights = [.. Enumerable.Range(0, Layer.Output.Channels)
            .SelectMany(row => Layer.Weights.AsSpan(row * Layer.WeightsPerOutput, channels * taps).ToArray())];
        return new LayerGeometry(
            Layer with { Weights = weights }, Input with { Channels = channels * Layer.Groups });
    }

    /// <summary>The group that an output channel belongs to.</summary>
    public int GroupOf(int row) => row / (Layer.Output.Channels / Layer.Groups);

    /// <summary>The positions that the window at an output position sees, tap by tap; −1 outside the plane.</summary>
    public IEnumerable<int> PositionsOf(int output)
    {
        for (int tap = 0; tap < Layer.Window.Taps; tap++)
        {
            yield return Layer.Window.Position(output, tap, Input);
        }
    }
}
