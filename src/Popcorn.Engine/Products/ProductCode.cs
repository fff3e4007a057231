using Popcorn.Interop;

namespace Popcorn.Engine.Products;

/// <summary>A straight-line program of products before it is handed to the native library.</summary>
/// <param name="Instructions">register[target] = register[left] · register[right], in order.</param>
/// <param name="Inputs">Registers 0 … inputs−1 hold the inputs.</param>
/// <param name="Temporaries">Registers after the inputs.</param>
/// <param name="Outputs">Register of each output, −1 for the neutral element.</param>
internal sealed record ProductCode(Instruction[] Instructions, int Inputs, int Temporaries, int[] Outputs)
{
    /// <summary>Products that a run does when some inputs are absent: an absent operand costs nothing.</summary>
    /// <param name="isPresent">Whether a tile has an input.</param>
    public int CountProducts(Func<int, bool> isPresent)
    {
        var present = new bool[Inputs + Temporaries];
        for (int i = 0; i < Inputs; i++)
        {
            present[i] = isPresent(i);
        }

        int products = 0;
        foreach (Instruction instruction in Instructions)
        {
            bool left = present[instruction.Left];
            bool right = present[instruction.Right];
            present[instruction.Target] = left || right;
            products += left && right ? 1 : 0;
        }

        return products;
    }
}
