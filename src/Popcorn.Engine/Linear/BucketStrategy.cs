using Popcorn.Engine.Model;
using Popcorn.Interop;

namespace Popcorn.Engine.Linear;

/// <summary>Every output on its own, by digits and buckets; see <see cref="RowStrategy"/>.</summary>
/// <param name="Layer">The layer.</param>
/// <param name="Input">Shape of its input.</param>
/// <param name="Negatives">How negative weights are paid for.</param>
/// <param name="RowProducts">Products of all rows.</param>
/// <param name="Rows">The digits of each output channel.</param>
internal sealed record BucketStrategy(
    LinearLayer Layer, Shape Input, NegativeWeights Negatives, long RowProducts, RowStrategy[] Rows)
    : LinearStrategy(Layer, Input, Negatives, RowProducts)
{
    /// <inheritdoc/>
    protected override string Method =>
        string.Join('/', Rows.Select(r => r.ToString()).Distinct().Order(StringComparer.Ordinal));

    /// <summary>For each way to pay for negative weights, the cheapest digits of every row.</summary>
    public static IEnumerable<BucketStrategy> For(LinearLayer layer, Shape input)
    {
        int[] plus = [.. Enumerable.Range(0, layer.Fan)];
        int[] minus = [.. Enumerable.Range(layer.Fan, layer.Fan)];
        NegativeWeights[] ways = Array.Exists(layer.Weights, w => w < 0)
            ? [NegativeWeights.InvertInputs, NegativeWeights.InvertOutputs]
            : [NegativeWeights.None];
        foreach (NegativeWeights way in ways)
        {
            var rows = new RowStrategy[layer.Output.Channels];
            long products = 0;
            Parallel.For(0, rows.Length, row =>
            {
                (rows[row], int cost) = RowCompiler.Cheapest(SumsOf(layer, row, way, plus, minus));
                Interlocked.Add(ref products, (long)cost * layer.Output.Area);
            });
            yield return new BucketStrategy(layer, input, way, products, rows);
        }
    }

    /// <inheritdoc/>
    public override CompiledPart CompileRows(int firstRow, int rows)
    {
        var inputs = new ProgramInputs(Layer.Fan);
        for (int row = firstRow; row < firstRow + rows; row++)
        {
            inputs.Use(WeightsOf(Layer, row), Rows[row], Negatives == NegativeWeights.InvertInputs);
        }

        var builder = new ProductBuilder(inputs.Count, countOnly: false);
        var results = new List<int>();
        for (int row = firstRow; row < firstRow + rows; row++)
        {
            foreach (RowTerm[] sum in SumsOf(Layer, row, Negatives, inputs.Plus, inputs.Minus))
            {
                results.Add(RowCompiler.Compile(sum, Rows[row], builder));
            }
        }

        int area = Layer.Output.Area;
        var inputIndex = new int[area * inputs.Count];
        for (int tile = 0; tile < area; tile++)
        {
            inputs.Locate(Layer, Input, firstRow, tile, inputIndex.AsSpan(tile * inputs.Count, inputs.Count));
        }

        return CompiledPart.From(builder, results, area, inputIndex, OutputIndex(firstRow, rows, results.Count));
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
}
