using System.Numerics;
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
        var geometry = new LayerGeometry(layer.Window, input);
        Func<LinearLayer, LayerSums>[] ways = [.. WaysFor(layer)];
        int all = layer.InputChannels / layer.Groups;
        int channels = (int)Math.Min(all, (long)SampleWeights * all / Math.Max(1, layer.Weights.Length));
        if (ways.Length == 1 || channels < 2 || channels >= all)
        {
            return Compile(Cheapest(ways, way => new ProductPlan(geometry, way(layer)), plan => plan.Products));
        }

        var (best, _) = Cheapest(ways, way => (Way: way, Products: ExpectedProducts(way)), way => way.Products);
        return Compile(new ProductPlan(geometry, best(layer)));

        // What comes with more channels goes on; what each output pays (squarings, joining digits) does not.
        double ExpectedProducts(Func<LinearLayer, LayerSums> way)
        {
            double atHalf = ProductsOn(channels / 2, way);
            double atSample = ProductsOn(channels, way);
            return atSample + (atSample - atHalf) * (all - channels) / (channels - channels / 2);
        }

        // With their share of the room for shared products.
        double ProductsOn(int some, Func<LinearLayer, LayerSums> way) => new ProductPlan(
            geometry, way(WithChannels(layer, some)),
            (int)((long)ProductPlan.MostSharedCiphertexts * some / all)).Products;
    }

    /// <summary>Compiles a plan.</summary>
    public static CompiledLinear Compile(ProductPlan plan) => new ProgramWriter(plan).Compile();

    /// <summary>All ways to compute a layer that may pay; each also for the layer with fewer channels.</summary>
    public static IEnumerable<Func<LinearLayer, LayerSums>> WaysFor(LinearLayer layer)
    {
        if (!Array.Exists(layer.Weights, w => w < 0))
        {
            return Signed(NegativeWeights.None);
        }

        return
        [
            .. Signed(NegativeWeights.NegateInputs),
            .. Signed(NegativeWeights.NegateOutputs),
            LayerSums.Offset,
        ];

        IEnumerable<Func<LinearLayer, LayerSums>> Signed(NegativeWeights negatives) =>
            FormsFor(layer, negatives).Select(forms => (Func<LinearLayer, LayerSums>)(
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
        Func<LinearLayer, LayerSums>[] ways, Func<Func<LinearLayer, LayerSums>, TPlan> plan,
        Func<TPlan, TCost> cost)
    {
        // The caller works as well: layers are compiled side by side, and callers that only waited would leave no
        // threads to the others.
        var plans = new TPlan[ways.Length];
        Parallel.For(0, ways.Length, way => plans[way] = plan(ways[way]));
        return plans.MinBy(cost)!;
    }

    /// <summary>The same layer on fewer input channels: the first ones of each group.</summary>
    private static LinearLayer WithChannels(LinearLayer layer, int channels) => layer with
    {
        Weights = [.. Enumerable.Range(0, layer.Output.Channels)
            .SelectMany(row => layer.WeightsOf(row)[..(channels * layer.Window.Taps)].ToArray())],
    };

    /// <summary>What is cheapest if outputs share nothing, and single bits, of which they share most.</summary>
    private static IEnumerable<DigitForm[]> FormsFor(LinearLayer layer, NegativeWeights way)
    {
        // Digits may be negative only if something stands for −x.
        bool[] signs = way == NegativeWeights.None ? [false] : [false, true];
        var cheapest = new DigitForm[layer.Output.Channels];
        Parallel.For(0, cheapest.Length, row => cheapest[row] = CheapestForm(
            layer.WeightsOf(row), signs, apart: way == NegativeWeights.NegateOutputs));
        yield return cheapest;
        bool signsMatter = Array.Exists(layer.Weights, weight => Math.Abs((long)weight) > 2);
        foreach (bool signed in signsMatter ? signs : [false])
        {
            DigitForm[] bits = [.. cheapest.Select(_ => new DigitForm(1, signed))];
            if (!bits.AsSpan().SequenceEqual(cheapest))
            {
                yield return bits;
            }
        }
    }

    private static DigitForm CheapestForm(ReadOnlySpan<int> weights, bool[] signs, bool apart)
    {
        long largest = 0;
        foreach (int weight in weights)
        {
            largest = Math.Max(largest, Math.Abs((long)weight));
        }

        int bits = Math.Min(BitOperations.Log2((ulong)largest | 1) + 2, DigitForm.MaxBits);
        DigitForm cheapest = default;
        int least = int.MaxValue;
        for (int width = 1; width <= bits; width++)
        {
            foreach (bool signed in signs)
            {
                var form = new DigitForm(width, signed);
                int products = UnsharedProducts(weights, form, apart);
                if (products < least)
                {
                    (least, cheapest) = (products, form);
                }
            }
        }

        return cheapest;
    }

    /// <summary>
    /// Products of an output that shares none: those that <see cref="ProductBuilder.Weigh"/> would write, from how
    /// often each digit occurs.
    /// </summary>
    /// <param name="weights">Its weights.</param>
    /// <param name="form">How they are cut.</param>
    /// <param name="apart">Whether positive and negative digits make two results.</param>
    internal static int UnsharedProducts(ReadOnlySpan<int> weights, DigitForm form, bool apart)
    {
        List<int[]> positive = [], negative = []; // [place][digit]
        Span<int> digits = stackalloc int[DigitForm.MaxDigits];
        foreach (int weight in weights)
        {
            int count = form.Recode(weight, digits);
            for (int place = 0; place < count; place++)
            {
                List<int[]> counts = apart && digits[place] < 0 ? negative : positive;
                while (counts.Count <= place)
                {
                    counts.Add(new int[form.Buckets]);
                }

                counts[place][Math.Abs(digits[place])]++;
            }
        }

        return ProductsOf(positive) + ProductsOf(negative);

        int ProductsOf(List<int[]> counts)
        {
            var joining = new ProductBuilder(inputs: 1, countOnly: true, reuse: false);
            joining.Join(form, counts.Count, (place, digit) => counts[place][digit] > 0 ? 0 : ProductBuilder.None);
            return joining.Count + counts.Sum(place => place.AsSpan(1).ToArray().Sum(count => Math.Max(0, count - 1)));
        }
    }
}
