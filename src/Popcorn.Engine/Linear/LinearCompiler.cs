using Popcorn.Engine.Model;

namespace Popcorn.Engine.Linear;

/// <summary>
/// Compiles a linear layer into the cheapest programs of products for its weights. Zero weights, and inputs that only
/// meet zero weights, do not appear in them.
/// </summary>
internal static class LinearCompiler
{
    /// <summary>Products that a kernel may do side by side.</summary>
    public const int SideBySide = 8;

    /// <summary>
    /// Fewer tiles than this do not fill the lanes of several threads well enough: their programs run one by one, with
    /// products of one tile in the lanes.
    /// </summary>
    private const int FewTiles = 8 * SideBySide;

    /// <summary>Compiles a layer by its cheapest plan.</summary>
    public static CompiledLinear Compile(LinearLayer layer, Shape input) =>
        Compile(PlansFor(layer, input).MinBy(plan => plan.Products)!);

    /// <summary>Compiles a plan.</summary>
    public static CompiledLinear Compile(LinearPlan plan) => new PlanCompiler(plan).Compile();

    /// <summary>All ways to compute a layer that may pay.</summary>
    public static IEnumerable<LinearPlan> PlansFor(LinearLayer layer, Shape input)
    {
        var geometry = new LayerGeometry(layer, input);
        NegativeWeights[] ways = Array.Exists(layer.Weights, w => w < 0)
            ? [NegativeWeights.InvertInputs, NegativeWeights.InvertOutputs]
            : [NegativeWeights.None];
        IEnumerable<Func<LayerSums>> signed =
            from way in ways
            from forms in FormsFor(geometry, way)
            select (Func<LayerSums>)(() => LayerSums.Signed(geometry, way, forms));
        IEnumerable<Func<LayerSums>> all =
            ways.Length == 1 ? signed : signed.Append(() => LayerSums.Offset(geometry));
        return all.Select(sums => new LinearPlan(geometry, sums()));
    }

    /// <summary>Whether so many tiles are run one by one.</summary>
    public static bool FillsLanes(int tiles) => tiles < FewTiles;

    /// <summary>Input rows that one window covers.</summary>
    public static int RowsOfWindow(Window window) => (window.KernelHeight - 1) * window.DilationY + 1;

    /// <summary>What is cheapest if outputs share nothing, and single bits, of which they share most.</summary>
    private static IEnumerable<DigitForm[]> FormsFor(LayerGeometry geometry, NegativeWeights way)
    {
        DigitForm[] cheapest = LayerSums.CheapestForms(geometry, way);
        yield return cheapest;
        bool signsMatter = Array.Exists(geometry.Layer.Weights, weight => Math.Abs((long)weight) > 2);
        foreach (bool signed in signsMatter ? LayerSums.SignsFor(way) : [false])
        {
            DigitForm[] bits = [.. cheapest.Select(_ => new DigitForm(1, signed))];
            if (!bits.AsSpan().SequenceEqual(cheapest))
            {
                yield return bits;
            }
        }
    }
}
