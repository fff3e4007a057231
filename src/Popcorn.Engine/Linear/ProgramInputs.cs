using Popcorn.Engine.Model;

namespace Popcorn.Engine.Linear;

/// <summary>
/// The inputs of a program over some rows of a layer: of the window's slots (input channel within the group, tap) those
/// that carry weight, as x or as −x, numbered in the order of their first use.
/// </summary>
internal sealed class ProgramInputs
{
    private readonly List<(int Slot, bool Inverse)> _inputs = [];

    public ProgramInputs(int slots)
    {
        Plus = new int[slots];
        Minus = new int[slots];
        Array.Fill(Plus, ProductBuilder.None);
        Array.Fill(Minus, ProductBuilder.None);
    }

    /// <summary>Number of inputs.</summary>
    public int Count => _inputs.Count;

    /// <summary>For each slot the input that holds x, or none.</summary>
    public int[] Plus { get; }

    /// <summary>For each slot the input that holds −x, or none.</summary>
    public int[] Minus { get; }

    /// <summary>Adds what a row needs; without inverses, x serves digits of both signs.</summary>
    public void Use(ReadOnlySpan<int> weights, RowStrategy strategy, bool inverses)
    {
        Span<int> digits = stackalloc int[RowStrategy.MaxDigits];
        for (int slot = 0; slot < weights.Length; slot++)
        {
            int count = strategy.Recode(weights[slot], digits);
            foreach (int digit in digits[..count])
            {
                if (digit > 0 || (digit < 0 && !inverses))
                {
                    Add(Plus, slot, inverse: false);
                }
                else if (digit < 0)
                {
                    Add(Minus, slot, inverse: true);
                }
            }
        }
    }

    /// <summary>The ciphertext of each input at one output position; see <see cref="LinearPart.InputIndex"/>.</summary>
    public void Locate(LinearLayer layer, Shape input, int row, int position, Span<int> index)
    {
        int channelsPerGroup = input.Channels / layer.Groups;
        int firstChannel = row / (layer.Output.Channels / layer.Groups) * channelsPerGroup;
        for (int i = 0; i < _inputs.Count; i++)
        {
            (int slot, bool inverse) = _inputs[i];
            (int channel, int tap) = Math.DivRem(slot, layer.Window.Taps);
            int at = layer.Window.Position(position, tap, input);
            index[i] = at < 0 ? -1 : (inverse ? input.Size : 0) + (firstChannel + channel) * input.Area + at;
        }
    }

    private void Add(int[] map, int slot, bool inverse)
    {
        if (map[slot] == ProductBuilder.None)
        {
            map[slot] = _inputs.Count;
            _inputs.Add((slot, inverse));
        }
    }
}
