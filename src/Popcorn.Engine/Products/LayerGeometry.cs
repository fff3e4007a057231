using Popcorn.Engine.Model;

namespace Popcorn.Engine.Products;

/// <summary>Which positions of a plane the windows of a layer see, whatever its weights.</summary>
internal sealed class LayerGeometry
{
    public LayerGeometry(Window window, Shape input)
    {
        Window = window;
        Input = input;
        var seen = new bool[input.Area];
        int outputs = window.OutputHeight * window.OutputWidth;
        foreach (int position in Enumerable.Range(0, outputs).SelectMany(PositionsOf).Where(p => p >= 0))
        {
            WindowsOverlap |= seen[position];
            seen[position] = true;
        }

        Seen = [.. Enumerable.Range(0, input.Area).Where(position => seen[position])];
    }

    public Window Window { get; }

    public Shape Input { get; }

    /// <summary>Positions of the input plane that some window sees, ascending.</summary>
    public int[] Seen { get; }

    /// <summary>Whether two windows see one position.</summary>
    public bool WindowsOverlap { get; }

    /// <summary>The positions that the window at an output position sees, tap by tap; −1 outside the plane.</summary>
    public IEnumerable<int> PositionsOf(int output)
    {
        for (int tap = 0; tap < Window.Taps; tap++)
        {
            yield return Window.Position(output, tap, Input);
        }
    }
}
