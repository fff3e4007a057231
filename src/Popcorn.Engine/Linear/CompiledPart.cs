using System.Runtime.InteropServices;
using Popcorn.Interop;

namespace Popcorn.Engine.Linear;

/// <summary>A program with its tiles, and the products that it does on them.</summary>
internal readonly record struct CompiledPart(LinearPart Part, long Products)
{
    /// <summary>
    /// Products that a kernel may do side by side. With fewer tiles than that, a program's own products have to be
    /// independent of each other.
    /// </summary>
    public const int SideBySide = 8;

    /// <summary>Turns what a builder holds into a program.</summary>
    /// <param name="builder">Holds the products.</param>
    /// <param name="results">Values to keep, in the order of the outputs.</param>
    /// <param name="tiles">Input vectors.</param>
    /// <param name="inputIndex">See <see cref="LinearPart.InputIndex"/>.</param>
    /// <param name="outputIndex">See <see cref="LinearPart.OutputIndex"/>.</param>
    public static CompiledPart From(
        ProductBuilder builder, List<int> results, int tiles, int[] inputIndex, int[] outputIndex)
    {
        Span<int> kept = CollectionsMarshal.AsSpan(results);
        if (tiles < SideBySide)
        {
            builder.SortByDepth(kept);
        }

        ProductCode code = builder.Build(kept);
        var program = new ProductProgram(code.Instructions, code.Inputs, code.Temporaries, code.Outputs);
        return new CompiledPart(
            new LinearPart(program, tiles, inputIndex, outputIndex), CountProducts(code, inputIndex, tiles));
    }

    /// <summary>Exact: tiles that miss the same inputs (borders) do the same products.</summary>
    private static long CountProducts(ProductCode code, int[] inputIndex, int tiles)
    {
        var known = new Dictionary<string, int>(StringComparer.Ordinal);
        long products = 0;
        for (int tile = 0; tile < tiles; tile++)
        {
            int start = tile * code.Inputs;
            string pattern = string.Create(
                code.Inputs, (inputIndex, start), static (chars, at) =>
                {
                    for (int i = 0; i < chars.Length; i++)
                    {
                        chars[i] = at.inputIndex[at.start + i] < 0 ? '0' : '1';
                    }
                });
            if (!known.TryGetValue(pattern, out int count))
            {
                count = code.CountProducts(inputIndex.AsSpan(start, code.Inputs));
                known.Add(pattern, count);
            }

            products += count;
        }

        return products;
    }
}
