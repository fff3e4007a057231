using Popcorn.Engine.Model;
using Popcorn.Interop;

namespace Popcorn.Engine.Products;

/// <summary>What a program reads: a channel, its negative or a shared product, at one tap of the window.</summary>
internal readonly record struct WindowInput(int Value, int Tap);

/// <summary>
/// One way to compute a layer, its products counted. Where windows overlap, products of channels at one position are
/// made once, for all windows that see it; all else is made window by window, with products that its outputs share.
/// </summary>
internal sealed class ProductPlan
{
    /// <summary>
    /// Ciphertexts that shared products may take at once (128 MB under keys of 2048 bits): what a core or two keep in
    /// their caches is less, but these are read in the order in which they lie.
    /// </summary>
    public const int MostSharedCiphertexts = 200_000;

    /// <summary>Products kept at a time for one window's outputs, or for all tiles in a kernel's lanes.</summary>
    private const int MostCommon = 1 << 16;
    private const int MostCommonSideBySide = 1 << 12;

    private readonly LayerSums _sums;

    public ProductPlan(LayerGeometry geometry, LayerSums sums, int sharedCiphertexts = MostSharedCiphertexts)
    {
        SharedCiphertexts = sharedCiphertexts;
        Geometry = geometry;
        _sums = sums;
        Shared = geometry.WindowsOverlap ? ShareAmongWindows() : [];
        Inputs = NumberInputs();
        Common = CommonProducts.Extract(
            AllSums(), Inputs.Length, leastUses: 2, FillsLanes ? MostCommon : MostCommonSideBySide);
        var counter = new ProductBuilder(Inputs.Length, countOnly: true);
        Write(counter);
        Products = Overhead + (long)Shared.Count * geometry.Seen.Length
            + (long)counter.Count * Layer.Output.Area;
    }

    /// <summary>See <see cref="MostSharedCiphertexts"/>.</summary>
    public int SharedCiphertexts { get; }

    public LayerGeometry Geometry { get; }

    public LinearLayer Layer => _sums.Layer;

    /// <summary>How negative weights are paid for.</summary>
    public NegativeWeights Negatives => _sums.Negatives;

    /// <inheritdoc cref="LayerSums.Columns"/>
    public int Columns => _sums.Columns;

    /// <summary>Products at each position that windows see; factors are columns and, after these, earlier products.
    /// </summary>
    public List<(int Left, int Right)> Shared { get; }

    /// <summary>What the program for one window reads.</summary>
    public WindowInput[] Inputs { get; }

    /// <summary>Products of these that its results share; factors are inputs and, after these, earlier products.
    /// </summary>
    public List<(int Left, int Right)> Common { get; }

    /// <summary>Results at each output position.</summary>
    public int Results => _sums.Results.Length;

    /// <summary>All products; windows at borders are taken as if they were full.</summary>
    public long Products { get; }

    /// <summary>Products outside the programs for windows: negations, and joining what was computed apart.</summary>
    public long Overhead => Evaluator.ProductsOfNegation * Negations + Joins;

    public long Negations => Negatives == NegativeWeights.NegateInputs
        ? (long)Layer.InputChannels * Geometry.Input.Area
        : (long)(Results - Layer.Output.Channels) * Layer.Output.Area;

    public long Joins => Results > Layer.Output.Channels ? Layer.Output.Size : 0;

    /// <summary>Whether windows are computed one by one.</summary>
    public bool FillsLanes => LinearCompiler.FillsLanes(Layer.Output.Area);

    /// <summary>Short description for users.</summary>
    public string Name =>
        string.Join('/', _sums.Results.Select(r => r.Form.ToString()).Distinct().Order(StringComparer.Ordinal))
        + Negatives switch
        {
            NegativeWeights.NegateInputs => ", inputs negated",
            NegativeWeights.NegateOutputs => ", outputs negated",
            NegativeWeights.Offset => ", offset",
            _ => string.Empty,
        };

    /// <inheritdoc cref="LayerSums.ApartFrom"/>
    public int ApartFrom(int row) => _sums.ApartFrom(row);

    /// <summary>Writes the program for one window and returns the values of its results.</summary>
    public int[] Write(ProductBuilder builder)
    {
        // Products are written where they are first used, so that few are alive at a time.
        var written = new int[Common.Count];
        Array.Fill(written, ProductBuilder.None);
        return [.. _sums.Results.Select(result => builder.Weigh(result, ValueOf))];

        int ValueOf(int value)
        {
            if (value < Inputs.Length)
            {
                return value;
            }

            ref int product = ref written[value - Inputs.Length];
            if (product == ProductBuilder.None)
            {
                (int left, int right) = Common[value - Inputs.Length];
                int leftValue = ValueOf(left);
                product = builder.Multiply(leftValue, ValueOf(right));
            }

            return product;
        }
    }

    /// <summary>
    /// Products of columns at one tap that are common; afterwards terms name these as further columns.
    /// </summary>
    private List<(int Left, int Right)> ShareAmongWindows()
    {
        int taps = Layer.Window.Taps;
        List<int>[] sums = AllSums();
        List<int>[] atTaps = [.. sums.SelectMany(sum => AtTaps(sum))];
        int rows = Math.Min(
            Geometry.Input.Height, LinearCompiler.InputRows(Layer.Window, LinearCompiler.LeastBand(Layer.Window)));
        List<(int Left, int Right)> shared = CommonProducts.Extract(
            atTaps, Columns, Geometry.Seen.Length / Layer.Output.Area + 1,
            SharedCiphertexts / (rows * Geometry.Input.Width));
        for (int s = 0; s < sums.Length; s++)
        {
            sums[s].Clear();
            for (int tap = 0; tap < taps; tap++)
            {
                sums[s].AddRange(atTaps[s * taps + tap].Select(column => _sums.TermOf(column, tap)));
            }
        }

        return shared;

        List<int>[] AtTaps(List<int> sum)
        {
            List<int>[] columns = [.. Enumerable.Range(0, taps).Select(_ => new List<int>())];
            foreach ((int column, int tap) in sum.Select(_sums.InputOf))
            {
                columns[tap].Add(column);
            }

            return columns;
        }
    }

    /// <summary>Numbers the terms that occur, in order, and lets the sums name them by these numbers.</summary>
    private WindowInput[] NumberInputs()
    {
        List<int>[] sums = AllSums();
        int[] terms = [.. sums.SelectMany(sum => sum).Distinct().Order()];
        var numbers = new Dictionary<int, int>(terms.Length);
        foreach (int term in terms)
        {
            numbers.Add(term, numbers.Count);
        }

        foreach (List<int> sum in sums)
        {
            for (int i = 0; i < sum.Count; i++)
            {
                sum[i] = numbers[sum[i]];
            }

            sum.Sort();
        }

        return [.. terms.Select(_sums.InputOf)];
    }

    private List<int>[] AllSums() => [.. _sums.Results.SelectMany(result => result.Sums.Values)];
}
