using System.Runtime.InteropServices;
using Popcorn.Engine.Model;
using Popcorn.Interop;

namespace Popcorn.Engine.Linear;

/// <summary>
/// Compiles a linear layer into the cheapest programs of products for its weights. Zero weights, and inputs that only
/// meet zero weights, do not appear in them.
/// </summary>
internal static class LinearCompiler
{
    /// <summary>
    /// Products that a kernel may do side by side. With fewer positions than that, a program's own products have to be
    /// independent of each other.
    /// </summary>
    private const int SideBySide = 8;

    /// <summary>Rows of such a program, at least: enough to work on side by side.</summary>
    private const int LeastRows = 3 * SideBySide / 2;

    /// <summary>A layer with few positions is cut into programs of some rows each: work for all cores.</summary>
    private const int LeastWorkItems = 16;

    public static CompiledLinear Compile(LinearLayer layer, Shape input)
    {
        Choice choice = ChoicesFor(layer, input).MinBy(c => c.Products)!;
        int area = layer.Output.Area;
        int rowsPerGroup = layer.Output.Channels / layer.Groups;
        int groupsOfTiles = (area + SideBySide - 1) / SideBySide * layer.Groups;
        int cuts = Math.Clamp(rowsPerGroup / LeastRows, 1, 1 + (LeastWorkItems - 1) / groupsOfTiles);
        int rowsPerProgram = (rowsPerGroup + cuts - 1) / cuts;

        var parts = new List<LinearPart>();
        long products = choice.Overhead;
        for (int row = 0, rows; row < layer.Output.Channels; row += rows)
        {
            rows = Math.Min(rowsPerProgram, rowsPerGroup - row % rowsPerGroup);
            (LinearPart part, long count) = CompileRows(layer, input, choice, row, rows);
            parts.Add(part);
            products += count;
        }

        return new CompiledLinear
        {
            Inputs = input.Size,
            Outputs = layer.Output.Size,
            Negatives = choice.Negatives,
            Parts = parts,
            BiasWords = BiasWordsOf(layer),
            Strategy = choice.ToString(),
            Overhead = choice.Overhead,
            Products = products,
        };
    }

    /// <summary>For each way to pay for negative weights, the cheapest strategy of every row.</summary>
    private static IEnumerable<Choice> ChoicesFor(LinearLayer layer, Shape input)
    {
        int[] plus = [.. Enumerable.Range(0, layer.Fan)];
        int[] minus = [.. Enumerable.Range(layer.Fan, layer.Fan)];
        IEnumerable<(NegativeWeights Way, long Overhead)> ways = Array.Exists(layer.Weights, w => w < 0)
            ? [
                (NegativeWeights.InvertInputs, Evaluator.ProductsOfInversion * (long)input.Size),
                (NegativeWeights.InvertOutputs, (Evaluator.ProductsOfInversion + 1) * (long)layer.Output.Size),
            ]
            : [(NegativeWeights.None, 0)];
        foreach ((NegativeWeights way, long overhead) in ways)
        {
            var rows = new RowStrategy[layer.Output.Channels];
            long products = overhead;
            for (int row = 0; row < rows.Length; row++)
            {
                (rows[row], int cost) = RowCompiler.Cheapest(SumsOf(layer, row, way, plus, minus));
                products += (long)cost * layer.Output.Area;
            }

            yield return new Choice(way, rows, overhead, products);
        }
    }

    /// <summary>One program for some rows of one group, on all positions.</summary>
    private static (LinearPart Part, long Products) CompileRows(
        LinearLayer layer, Shape input, Choice choice, int firstRow, int rows)
    {
        var inputs = new ProgramInputs(layer.Fan);
        for (int row = firstRow; row < firstRow + rows; row++)
        {
            inputs.Use(WeightsOf(layer, row), choice.Rows[row], choice.Negatives == NegativeWeights.InvertInputs);
        }

        var builder = new ProductBuilder(inputs.Count, countOnly: false);
        var results = new List<int>();
        for (int row = firstRow; row < firstRow + rows; row++)
        {
            foreach (RowTerm[] sum in SumsOf(layer, row, choice.Negatives, inputs.Plus, inputs.Minus))
            {
                results.Add(RowCompiler.Compile(sum, choice.Rows[row], builder));
            }
        }

        int area = layer.Output.Area;
        if (area < SideBySide)
        {
            builder.SortByDepth(CollectionsMarshal.AsSpan(results));
        }

        ProductCode code = builder.Build(CollectionsMarshal.AsSpan(results));
        int sumsPerRow = results.Count / rows;
        var inputIndex = new int[area * code.Inputs];
        var outputIndex = new int[area * results.Count];
        for (int tile = 0; tile < area; tile++)
        {
            inputs.Locate(layer, input, firstRow, tile, inputIndex.AsSpan(tile * code.Inputs, code.Inputs));
            for (int o = 0; o < results.Count; o++)
            {
                int output = (firstRow + o / sumsPerRow) * area + tile;
                outputIndex[tile * results.Count + o] = o % sumsPerRow * layer.Output.Size + output;
            }
        }

        var program = new ProductProgram(code.Instructions, code.Inputs, code.Temporaries, code.Outputs);
        return (new LinearPart(program, area, inputIndex, outputIndex), CountProducts(code, inputIndex, area));
    }

    /// <summary>
    /// The sums that make an output: one, of x where a digit is positive and −x where it is negative; or, with outputs
    /// inverted, the positive part and the negative part, both of x.
    /// </summary>
    private static IEnumerable<RowTerm[]> SumsOf(
        LinearLayer layer, int row, NegativeWeights way, int[] plus, int[] minus)
    {
        if (way == NegativeWeights.InvertOutputs)
        {
            yield return Terms((weight, slot) => new RowTerm(weight, plus[slot], ProductBuilder.None));
            yield return Terms((weight, slot) => new RowTerm(weight, ProductBuilder.None, plus[slot]));
        }
        else
        {
            yield return Terms((weight, slot) => new RowTerm(weight, plus[slot], minus[slot]));
        }

        RowTerm[] Terms(Func<int, int, RowTerm> term)
        {
            ReadOnlySpan<int> weights = WeightsOf(layer, row);
            var terms = new List<RowTerm>();
            for (int slot = 0; slot < weights.Length; slot++)
            {
                if (weights[slot] != 0)
                {
                    terms.Add(term(weights[slot], slot));
                }
            }

            return [.. terms];
        }
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

    private static ulong[] BiasWordsOf(LinearLayer layer)
    {
        if (Array.TrueForAll(layer.Bias, b => b.IsZero))
        {
            return [];
        }

        int words = Words.CountFor(layer.Bias);
        var all = new ulong[layer.Output.Size * words];
        for (int output = 0; output < layer.Output.Size; output++)
        {
            Words.Write(layer.Bias[output / layer.Output.Area], all.AsSpan(output * words, words));
        }

        return all;
    }

    private static ReadOnlySpan<int> WeightsOf(LinearLayer layer, int row) =>
        layer.Weights.AsSpan(row * layer.Fan, layer.Fan);

    /// <summary>How a layer is computed.</summary>
    /// <param name="Negatives">How negative weights are paid for.</param>
    /// <param name="Rows">The strategy of each output channel.</param>
    /// <param name="Overhead">Products outside the programs.</param>
    /// <param name="Products">All products, borders taken as if they were full.</param>
    private sealed record Choice(NegativeWeights Negatives, RowStrategy[] Rows, long Overhead, long Products)
    {
        public override string ToString()
        {
            IEnumerable<string> rows = Rows.Select(r => r.ToString()).Distinct().Order(StringComparer.Ordinal);
            string negatives = Negatives switch
            {
                NegativeWeights.InvertInputs => ", inputs inverted",
                NegativeWeights.InvertOutputs => ", outputs inverted",
                _ => string.Empty,
            };
            return string.Join('/', rows) + negatives;
        }
    }
}
