using Popcorn.Engine.Model;
using Popcorn.Interop;

namespace Popcorn.Engine.Linear;

/// <summary>One way to compute a layer, with its cost counted, ready to be compiled if it is the cheapest.</summary>
/// <param name="Layer">The layer.</param>
/// <param name="Input">Shape of its input.</param>
/// <param name="Negatives">How negative weights are paid for.</param>
/// <param name="RowProducts">Products of all rows, borders taken as if they were full, and of tables.</param>
internal abstract record LinearStrategy(LinearLayer Layer, Shape Input, NegativeWeights Negatives, long RowProducts)
{
    /// <summary>Products outside the programs: inversions, and joining positive and negative parts.</summary>
    public long Overhead => Negatives switch
    {
        NegativeWeights.InvertInputs => Evaluator.ProductsOfInversion * (long)Input.Size,
        NegativeWeights.InvertOutputs => (Evaluator.ProductsOfInversion + 1) * (long)Layer.Output.Size,
        _ => 0,
    };

    /// <summary>All products.</summary>
    public long Products => RowProducts + Overhead;

    /// <summary>Short description for users.</summary>
    public string Name => Method + Negatives switch
    {
        NegativeWeights.InvertInputs => ", inputs inverted",
        NegativeWeights.InvertOutputs => ", outputs inverted",
        _ => string.Empty,
    };

    /// <summary>Values that are made from the inputs before any row: inverses or tables, after the inputs.</summary>
    public virtual int Extras => Negatives == NegativeWeights.InvertInputs ? Input.Size : 0;

    /// <summary>How rows are computed.</summary>
    protected abstract string Method { get; }

    /// <summary>Programs that fill the tables, if there are any.</summary>
    public virtual IEnumerable<CompiledPart> CompileTables() => [];

    /// <summary>One program for some rows of one group, on all positions.</summary>
    public abstract CompiledPart CompileRows(int firstRow, int rows);

    /// <summary>The weights of one output channel.</summary>
    protected static ReadOnlySpan<int> WeightsOf(LinearLayer layer, int row) =>
        layer.Weights.AsSpan(row * layer.Fan, layer.Fan);

    /// <summary>For each tile and result of rows from a first one on, the output that receives it.</summary>
    protected int[] OutputIndex(int firstRow, int rows, int results)
    {
        int area = Layer.Output.Area;
        int sumsPerRow = results / rows;
        var index = new int[area * results];
        for (int tile = 0; tile < area; tile++)
        {
            for (int o = 0; o < results; o++)
            {
                int output = (firstRow + o / sumsPerRow) * area + tile;
                index[tile * results + o] = o % sumsPerRow * Layer.Output.Size + output;
            }
        }

        return index;
    }
}
