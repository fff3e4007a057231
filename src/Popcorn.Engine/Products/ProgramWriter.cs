using Popcorn.Engine.Model;
using Popcorn.Interop;

namespace Popcorn.Engine.Products;

/// <summary>Writes the programs of a plan, and the operations that run them.</summary>
internal sealed class ProgramWriter(ProductPlan plan)
{
    private readonly LayerGeometry _geometry = plan.Geometry;
    private readonly LinearLayer _layer = plan.Layer;
    private readonly Shape _input = plan.Geometry.Input;
    private readonly List<LinearOperation> _operations = [];
    private readonly int[] _sizes = new int[(int)LayerBuffer.Output + 1];
    private long _products;

    public CompiledLinear Compile()
    {
        _sizes[(int)LayerBuffer.Input] = _input.Size;
        _sizes[(int)LayerBuffer.Output] = _layer.Output.Size;
        if (plan.Negatives == NegativeWeights.NegateInputs)
        {
            _sizes[(int)LayerBuffer.Negatives] = _input.Size;
            Negate(LayerBuffer.Input, LayerBuffer.Negatives, 0, _input.Size);
        }

        AddWindows();
        if (plan.Joins > 0)
        {
            _sizes[(int)LayerBuffer.Parts] = plan.Results * _layer.Output.Area;
            Negate(LayerBuffer.Parts, LayerBuffer.Parts, _layer.Output.Size, (int)plan.Negations);
            AddJoins();
        }

        return new CompiledLinear
        {
            BufferSizes = _sizes,
            Operations = _operations,
            Negatives = plan.Negatives,
            Strategy = plan.Name,
            Products = _products,
        };
    }

    private void Negate(LayerBuffer from, LayerBuffer to, int offset, int count)
    {
        _operations.Add(new NegateOperation(from, to, offset, count));
        _products += (long)Evaluator.ProductsOfNegation * count;
    }

    /// <summary>
    /// The results of every window and, beforehand, the products that windows share. If these are too many to be kept
    /// at once, the output is made in bands of rows, and the buffer holds the input rows that one band sees: row y
    /// where row y − (its height) was.
    /// </summary>
    private void AddWindows()
    {
        int[] stored = StoredProducts();
        int bandRows = _layer.Output.Height, ringRows = _input.Height;
        if (stored.Length > 0)
        {
            int mostRows = plan.SharedCiphertexts / (stored.Length * _input.Width);
            bandRows = Math.Clamp(
                (mostRows - LinearCompiler.InputRows(_layer.Window, 1)) / _layer.Window.StrideY + 1,
                LinearCompiler.LeastBand(_layer.Window), bandRows);
            ringRows = Math.Min(ringRows, LinearCompiler.InputRows(_layer.Window, bandRows));
            _sizes[(int)LayerBuffer.Shared] = stored.Length * ringRows * _input.Width;
        }

        int ring = ringRows * _input.Width;
        var sharedTiles = new TileList(LinearCompiler.FillsLanes(_geometry.Seen.Length));
        var windowTiles = new TileList(plan.FillsLanes);
        var bands = new List<(int Shared, int SharedCount, int Window, int WindowCount)>();
        int made = 0;
        for (int row = 0; row < _layer.Output.Height; row += bandRows)
        {
            int firstShared = sharedTiles.Count, firstWindow = windowTiles.Count;
            int end = Math.Min(row + bandRows, _layer.Output.Height);
            int lastInputRow = LinearCompiler.InputRows(_layer.Window, end) - 1 - _layer.Window.PadTop;
            for (; stored.Length > 0 && made < _geometry.Seen.Length
                && _geometry.Seen[made] / _input.Width <= lastInputRow; made++)
            {
                sharedTiles.Add(_geometry.Seen[made]);
            }

            sharedTiles.Pad();
            windowTiles.AddRange(row * _layer.Output.Width, end * _layer.Output.Width);
            windowTiles.Pad();
            bands.Add((
                firstShared, sharedTiles.Count - firstShared, firstWindow, windowTiles.Count - firstWindow));
        }

        LinearPart? shared = stored.Length > 0 ? SharedPart(stored, sharedTiles, ring) : null;
        LinearPart windows = WindowPart(stored, windowTiles, ring);
        foreach ((int firstShared, int sharedCount, int firstWindow, int windowCount) in bands)
        {
            if (shared != null && sharedCount > 0)
            {
                _operations.Add(new RunOperation(shared, firstShared, sharedCount));
            }

            _operations.Add(new RunOperation(windows, firstWindow, windowCount));
        }
    }

    /// <summary>The shared products that windows read; others only serve to make these.</summary>
    private int[] StoredProducts() =>
        [.. plan.Inputs.Select(input => input.Value).Where(value => value >= plan.Columns).Distinct().Order()];

    private LinearPart SharedPart(int[] stored, TileList tiles, int ring)
    {
        var columns = new List<int>();
        var numbers = new Dictionary<int, int>();
        foreach ((int left, int right) in plan.Shared)
        {
            foreach (int column in (ReadOnlySpan<int>)[left, right])
            {
                if (column < plan.Columns && numbers.TryAdd(column, columns.Count))
                {
                    columns.Add(column);
                }
            }
        }

        var builder = new ProductBuilder(columns.Count, countOnly: false);
        for (int i = 0; i < plan.Shared.Count; i++)
        {
            numbers.Add(plan.Columns + i, builder.Multiply(
                numbers[plan.Shared[i].Left], numbers[plan.Shared[i].Right]));
        }

        ProductCode code = builder.Build([.. stored.Select(value => numbers[value])], tiles.FillsLanes);
        _products += (long)code.CountProducts(_ => true) * tiles.Real;
        int[] positions = [.. tiles];
        var reads = new Reads([.. columns.Select(column => new WindowInput(column, 0))], 1, positions, []);
        return Part(code, tiles, reads, [], new BufferView(LayerBuffer.Shared, ring, 1, InRing(positions, ring)));
    }

    private LinearPart WindowPart(int[] stored, TileList tiles, int ring)
    {
        var builder = new ProductBuilder(plan.Inputs.Length, countOnly: false);
        ProductCode code = builder.Build(plan.Write(builder), tiles.FillsLanes);
        int taps = _layer.Window.Taps;
        int[] positions = [.. tiles.SelectMany(tile =>
            tile < 0 ? Enumerable.Repeat(-1, taps) : _geometry.PositionsOf(tile))];
        CountWindows(code, positions);
        BufferView[] shared = stored.Length == 0
            ? []
            : [new(LayerBuffer.Shared, _sizes[(int)LayerBuffer.Shared] / stored.Length, taps, InRing(positions, ring))];
        return Part(
            code, tiles, new Reads(plan.Inputs, taps, positions, stored), shared,
            new BufferView(
                plan.Joins > 0 ? LayerBuffer.Parts : LayerBuffer.Output, _layer.Output.Area, 1, [.. tiles]));
    }

    /// <summary>Exact: windows that miss the same taps (at borders) do the same products.</summary>
    private void CountWindows(ProductCode code, int[] positions)
    {
        int taps = _layer.Window.Taps;
        var known = new Dictionary<string, int>(StringComparer.Ordinal);
        for (int first = 0; first < positions.Length; first += taps)
        {
            string pattern = string.Concat(positions.AsSpan(first, taps).ToArray().Select(p => p < 0 ? '-' : '+'));
            if (!known.TryGetValue(pattern, out int products))
            {
                products = code.CountProducts(input => pattern[plan.Inputs[input].Tap] == '+');
                known.Add(pattern, products);
            }

            _products += products;
        }
    }

    private static int[] InRing(int[] positions, int ring) =>
        Array.ConvertAll(positions, position => position < 0 ? -1 : position % ring);

    /// <summary>A program over the layer's input, its negatives where there are any, and a view of shared products.
    /// </summary>
    private LinearPart Part(ProductCode code, TileList tiles, Reads reads, BufferView[] shared, BufferView target)
    {
        int channels = _input.Channels;
        BufferView[] sources =
        [
            new(LayerBuffer.Input, _input.Area, reads.Taps, reads.Positions),
            .. plan.Negatives == NegativeWeights.NegateInputs
                ? [new BufferView(LayerBuffer.Negatives, _input.Area, reads.Taps, reads.Positions)]
                : (BufferView[])[],
            .. shared,
        ];
        ProgramInput[] inputs = [.. reads.Inputs.Select(input => input.Value < plan.Columns
            ? new ProgramInput(input.Value / channels, input.Value % channels, input.Tap)
            : new ProgramInput(sources.Length - 1, Array.BinarySearch(reads.Stored, input.Value), input.Tap))];
        return new LinearPart(
            new ProductProgram(code.Instructions, inputs, code.Temporaries, code.Outputs, tiles.FillsLanes),
            sources, target);
    }

    /// <summary>Output o = result o less what was computed apart from it.</summary>
    private void AddJoins()
    {
        int area = _layer.Output.Area, outputs = _layer.Output.Size;
        var tiles = new TileList(fillsLanes: false);
        tiles.AddRange(0, outputs);
        tiles.Pad();
        int[] positions = [.. tiles.SelectMany(o =>
            (int[])[o, o < 0 ? -1 : plan.ApartFrom(o / area) * area + o % area])];
        var program = new ProductProgram(
            [new Instruction(2, 0, 1)], [new ProgramInput(0, 0, 0), new ProgramInput(0, 0, 1)], 1, [2]);
        var part = new LinearPart(
            program, [new BufferView(LayerBuffer.Parts, _sizes[(int)LayerBuffer.Parts], 2, positions)],
            new BufferView(LayerBuffer.Output, outputs, 1, [.. tiles]));
        _operations.Add(new RunOperation(part, 0, tiles.Count));
        _products += outputs;
    }

    /// <summary>What a program reads.</summary>
    /// <param name="Inputs">Channels, their negatives and shared products, at taps.</param>
    /// <param name="Taps">Taps of its tiles.</param>
    /// <param name="Positions">What each tile sees at each tap.</param>
    /// <param name="Stored">The shared products that are kept, ascending.</param>
    private sealed record Reads(WindowInput[] Inputs, int Taps, int[] Positions, int[] Stored);
}
