using Popcorn.Engine.Model;
using Popcorn.Interop;

namespace Popcorn.Engine.Products;

/// <summary>
/// Compiles a linear layer into the cheapest programs of products for its weights. Zero weights, and inputs that only
/// meet zero weights, do not appear in them.
/// </summary>
internal static class LinearCompiler
{
    /// <summary>Products that a kernel may do side by side: the same on all machines, so that programs are.</summary>
    public static int SideBySide => PaillierLibrary.MaxLanes;

    /// <summary>
    /// Fewer tiles than this do not fill the lanes of several threads well enough: their programs run one by one, with
    /// products of one tile in the lanes.
    /// </summary>
    private static int FewTiles => 8 * SideBySide;

    /// <summary>
    /// Of a layer with more weights, ways to compute it are compared on so many of them: a search for shared products
    /// costs more than all else.
    /// </summary>
    private const int SampleWeights = 1 << 17;

    /// <summary>Compiles a layer by its cheapest plan.</summary>
    public static CompiledLinear Compile(LinearLayer layer, Shape input)
    {
        var geometry = new LayerGeometry(layer, input);
        Func<LayerGeometry, LayerSums>[] ways = [.. WaysFor(geometry)];
        int channels = (int)Math.Min(
            geometry.GroupChannels, (long)SampleWeights * geometry.GroupChannels / Math.Max(1, layer.Weights.Length));
        if (ways.Length == 1 || channels < 2 || channels >= geometry.GroupChannels)
        {
            return Compile(Cheapest(ways, way => new ProductPlan(geometry, way(geometry)), plan => plan.Products));
        }

        LayerGeometry sample = geometry.WithChannels(channels);
        LayerGeometry half = geometry.WithChannels(channels / 2);
        var (best, _) = Cheapest(ways, way => (Way: way, Products: ExpectedProducts(way)), way => way.Products);
        return Compile(new ProductPlan(geometry, best(geometry)));

        // What comes with more channels goes on; what each output pays (squarings, joining digits) does not.
        double ExpectedProducts(Func<LayerGeometry, LayerSums> way)
        {
            double atHalf = ProductsOn(half, way);
            double atSample = ProductsOn(sample, way);
            return atSample + (atSample - atHalf)
                * (geometry.GroupChannels - sample.GroupChannels) / (sample.GroupChannels - half.GroupChannels);
        }

        // With its share of the room for shared products.
        double ProductsOn(LayerGeometry part, Func<LayerGeometry, LayerSums> way) => new ProductPlan(
            part, way(part),
            (int)((long)ProductPlan.MostSharedCiphertexts * part.GroupChannels / geometry.GroupChannels)).Products;
    }

    /// <summary>Compiles a plan.</summary>
    public static CompiledLinear Compile(ProductPlan plan) => new ProgramWriter(plan).Compile();

    /// <summary>All ways to compute a layer that may pay; each also for the layer with fewer channels.</summary>
    public static IEnumerable<Func<LayerGeometry, LayerSums>> WaysFor(LayerGeometry geometry)
    {
        if (!Array.Exists(geometry.Layer.Weights, w => w < 0))
        {
            return Signed(NegativeWeights.None);
        }

        return
        [
            .. Signed(NegativeWeights.NegateInputs),
            .. Signed(NegativeWeights.NegateOutputs),
            LayerSums.Offset,
        ];

        IEnumerable<Func<LayerGeometry, LayerSums>> Signed(NegativeWeights negatives) =>
            FormsFor(geometry, negatives).Select(forms => (Func<LayerGeometry, LayerSums>)(
                of => LayerSums.Signed(of, negatives, forms)));
    }

    /// <summary>Whether so many tiles are run one by one.</summary>
    public static bool FillsLanes(int tiles) => tiles < FewTiles;

    /// <summary>Fewest output rows that are made at a time: enough tiles for several threads.</summary>
    public static int LeastBand(Window window) =>
        Math.Min(window.OutputHeight, (4 * SideBySide + window.OutputWidth - 1) / window.OutputWidth);

    /// <summary>Input rows that windows in a number of output rows cover.</summary>
    public static int InputRows(Window window, int outputRows) =>
        (outputRows - 1) * window.StrideY + (window.KernelHeight - 1) * window.DilationY + 1;

    private static TPlan Cheapest<TPlan, TCost>(
        Func<LayerGeometry, LayerSums>[] ways, Func<Func<LayerGeometry, LayerSums>, TPlan> plan,
        Func<TPlan, TCost> cost)
    {
        // The caller works as well: layers are compiled side by side, and callers that only waited would leave no
        // threads to the others.
        var plans = new TPlan[ways.Length];
        Parallel.For(0, ways.Length, way => plans[way] = plan(ways[way]));
        return plans.MinBy(cost)!;
    }

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
