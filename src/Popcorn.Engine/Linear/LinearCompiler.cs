using System.Numerics;
using Popcorn.Engine.Model;

namespace Popcorn.Engine.Linear;

/// <summary>
/// Compiles a linear layer into the cheapest programs of products for its weights. Zero weights, and inputs that only
/// meet zero weights, do not appear in them.
/// </summary>
internal static class LinearCompiler
{
    /// <summary>A layer with few positions is cut into programs of some rows each: work for all cores.</summary>
    private const int LeastWorkItems = 16;

    /// <summary>Rows of such a program, at least: enough to work on side by side.</summary>
    private const int LeastRows = 3 * CompiledPart.SideBySide / 2;

    /// <summary>Compiles a layer by its cheapest strategy.</summary>
    public static CompiledLinear Compile(LinearLayer layer, Shape input) =>
        Compile(StrategiesFor(layer, input).MinBy(s => s.Products)!);

    /// <summary>All strategies that can compute a layer.</summary>
    public static IEnumerable<LinearStrategy> StrategiesFor(LinearLayer layer, Shape input) =>
        BucketStrategy.For(layer, input).Concat<LinearStrategy>(TableStrategy.For(layer, input));

    /// <summary>Compiles a layer by a given strategy.</summary>
    public static CompiledLinear Compile(LinearStrategy strategy)
    {
        LinearLayer layer = strategy.Layer;
        CompiledPart[] tables = [.. strategy.CompileTables()];
        CompiledPart[] rows = [.. CompileRows(layer, strategy)];
        return new CompiledLinear
        {
            Inputs = strategy.Input.Size,
            Outputs = layer.Output.Size,
            Extras = strategy.Extras,
            Negatives = strategy.Negatives,
            Tables = [.. tables.Select(t => t.Part)],
            Rows = [.. rows.Select(r => r.Part)],
            BiasWords = BiasWordsOf(layer, strategy.Input),
            Strategy = strategy.Name,
            Overhead = strategy.Overhead,
            Products = strategy.Overhead + tables.Concat(rows).Sum(p => p.Products),
        };
    }

    private static IEnumerable<CompiledPart> CompileRows(LinearLayer layer, LinearStrategy strategy)
    {
        int rowsPerGroup = layer.Output.Channels / layer.Groups;
        int groupsOfTiles = (layer.Output.Area + CompiledPart.SideBySide - 1) / CompiledPart.SideBySide * layer.Groups;
        int cuts = strategy.RowsAreTiles
            ? 1
            : Math.Clamp(rowsPerGroup / LeastRows, 1, 1 + (LeastWorkItems - 1) / groupsOfTiles);
        int rowsPerProgram = (rowsPerGroup + cuts - 1) / cuts;
        for (int row = 0, rows; row < layer.Output.Channels; row += rows)
        {
            rows = Math.Min(rowsPerProgram, rowsPerGroup - row % rowsPerGroup);
            yield return strategy.CompileRows(row, rows);
        }
    }

    private static ulong[] BiasWordsOf(LinearLayer layer, Shape input)
    {
        BigInteger[] constants = layer.Constants(input);
        if (Array.TrueForAll(constants, c => c.IsZero))
        {
            return [];
        }

        int words = Words.CountFor(constants);
        int elementsEach = layer.Output.Size / constants.Length;
        var all = new ulong[layer.Output.Size * words];
        for (int output = 0; output < layer.Output.Size; output++)
        {
            Words.Write(constants[output / elementsEach], all.AsSpan(output * words, words));
        }

        return all;
    }
}
