using Popcorn.Interop;

namespace Popcorn.Engine.Products;

/// <summary>
/// The products of a linear layer without its biases: operations on one image; made once when a model is loaded, shared
/// by all queries. It knows which input feeds which output, and not what a ciphertext holds.
/// </summary>
internal sealed class CompiledLinear : IDisposable
{
    /// <summary>Ciphertexts of an image in each <see cref="LayerBuffer"/>; 0 where a layer does without one.</summary>
    public required int[] BufferSizes { get; init; }

    /// <summary>What is to be done, in order.</summary>
    public required IReadOnlyList<LinearOperation> Operations { get; init; }

    /// <summary>How negative weights are paid for.</summary>
    public required NegativeWeights Negatives { get; init; }

    /// <summary>Short description for users.</summary>
    public required string Strategy { get; init; }

    /// <summary>Products for one image; a negation counts as the three products that it costs in a batch.</summary>
    public required long Products { get; init; }

    /// <summary>Ciphertexts that the layer makes for an image.</summary>
    public int Outputs => BufferSizes[(int)LayerBuffer.Output];

    /// <summary>Ciphertexts that a run takes for an image beside input and output.</summary>
    public long WorkSize => BufferSizes[(int)LayerBuffer.Negatives] + (long)BufferSizes[(int)LayerBuffer.Shared]
        + BufferSizes[(int)LayerBuffer.Parts];

    /// <summary>Applies a layer, without its biases, to all images at once.</summary>
    /// <param name="input">Its input, one ciphertext for each element, one image after the other.</param>
    /// <param name="images">Images in it.</param>
    /// <param name="execution">Degree of parallelism and cancellation.</param>
    /// <param name="products">Receives the products done: <see cref="Products"/> for each image.</param>
    /// <returns>A new batch like the input, which the caller disposes.</returns>
    public CiphertextBatch Run(CiphertextBatch input, int images, Execution execution, out long products)
    {
        var buffers = new CiphertextBatch?[BufferSizes.Length];
        bool done = false;
        try
        {
            for (int i = 0; i < buffers.Length; i++)
            {
                buffers[i] = i == (int)LayerBuffer.Input ? input
                    : BufferSizes[i] == 0 ? null
                    : new CiphertextBatch(input.Key, checked(images * BufferSizes[i]));
            }

            products = 0;
            foreach (LinearOperation operation in Operations)
            {
                products += images == 1
                    ? RunOnOne(operation, buffers, execution)
                    : RunOnAll(operation, buffers, images, execution);
            }

            done = true;
            return buffers[(int)LayerBuffer.Output]!;
        }
        finally
        {
            for (int i = 0; i < buffers.Length; i++)
            {
                if (i != (int)LayerBuffer.Input && !(done && i == (int)LayerBuffer.Output))
                {
                    buffers[i]?.Dispose();
                }
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (RunOperation run in Operations.OfType<RunOperation>())
        {
            run.Part.Program.Dispose();
        }
    }

    private static long RunOnOne(LinearOperation operation, CiphertextBatch?[] buffers, Execution execution)
    {
        switch (operation)
        {
            case NegateOperation negate:
                return Negate(negate, negate.Offset, buffers, execution);
            case RunOperation run:
                return Evaluator.Run(
                    run.Part.Program,
                    [.. run.Part.Sources.Select(source => ViewOf(source, source.Positions, buffers))],
                    ViewOf(run.Part.Target, run.Part.Target.Positions, buffers), run.FirstTile, run.Tiles, execution);
            default:
                throw NoWayToRun(operation);
        }
    }

    private long RunOnAll(
        LinearOperation operation, CiphertextBatch?[] buffers, int images, Execution execution)
    {
        switch (operation)
        {
            case NegateOperation negate:
                int ofImage = BufferSizes[(int)negate.From];
                return Enumerable.Range(0, images)
                    .Sum(image => Negate(negate, image * ofImage + negate.Offset, buffers, execution));
            case RunOperation run:
                TileList tiles = TilesOf(run, images);
                return Evaluator.Run(
                    run.Part.Program,
                    [.. run.Part.Sources.Select(source => ViewOf(source, PositionsIn(source, tiles), buffers))],
                    ViewOf(run.Part.Target, PositionsIn(run.Part.Target, tiles), buffers), 0, tiles.Count,
                    execution);
            default:
                throw NoWayToRun(operation);
        }
    }

    private static long Negate(NegateOperation negate, int first, CiphertextBatch?[] buffers, Execution execution)
    {
        Evaluator.Negate(
            buffers[(int)negate.From]!.Range(first, negate.Count), buffers[(int)negate.To]!.Range(first, negate.Count),
            execution);
        return (long)Evaluator.ProductsOfNegation * negate.Count;
    }

    /// <summary>The tiles of all images side by side, so that they share lanes; those that only filled up go.</summary>
    private static TileList TilesOf(RunOperation run, int images)
    {
        int[] own = run.Part.Target.Positions;
        var tiles = new TileList(run.Part.Program.FillsLanes);
        for (int image = 0; image < images; image++)
        {
            for (int tile = run.FirstTile; tile < run.FirstTile + run.Tiles; tile++)
            {
                if (own[tile] >= 0)
                {
                    tiles.Add(image * own.Length + tile);
                }
            }
        }

        tiles.Pad();
        return tiles;
    }

    private int[] PositionsIn(BufferView view, TileList tiles)
    {
        int tilesOfImage = view.Positions.Length / view.Taps;
        int size = BufferSizes[(int)view.Buffer];
        var positions = new int[tiles.Count * view.Taps];
        int next = 0;
        foreach (int tile in tiles)
        {
            (int image, int own) = Math.DivRem(tile, tilesOfImage);
            for (int tap = 0; tap < view.Taps; tap++, next++)
            {
                int position = tile < 0 ? -1 : view.Positions[own * view.Taps + tap];
                positions[next] = position < 0 ? -1 : image * size + position;
            }
        }

        return positions;
    }

    private static ProgramView ViewOf(BufferView view, int[] positions, CiphertextBatch?[] buffers) =>
        new(buffers[(int)view.Buffer]!, view.Stride, view.Taps, positions);

    private static NotSupportedException NoWayToRun(LinearOperation operation) =>
        new($"There is no way to run a {operation.GetType().Name}.");
}

/// <summary>What a layer's operations read and write; each holds one image after the other.</summary>
internal enum LayerBuffer
{
    /// <summary>The layer's input, channel by channel.</summary>
    Input,

    /// <summary>The negative of each input.</summary>
    Negatives,

    /// <summary>Products of channels at a position, product by product.</summary>
    Shared,

    /// <summary>Results that are still to be joined, result by result.</summary>
    Parts,

    /// <summary>The layer's output.</summary>
    Output,
}

/// <summary>One operation of a compiled layer, on a range of a single image.</summary>
internal abstract record LinearOperation;

/// <summary>Negates a range of a buffer.</summary>
/// <param name="From">Read.</param>
/// <param name="To">Written, from the same offset on.</param>
/// <param name="Offset">First ciphertext.</param>
/// <param name="Count">Ciphertexts.</param>
internal sealed record NegateOperation(LayerBuffer From, LayerBuffer To, int Offset, int Count) : LinearOperation;

/// <summary>Runs a program on some of its tiles.</summary>
internal sealed record RunOperation(LinearPart Part, int FirstTile, int Tiles) : LinearOperation;

/// <summary>How the tiles of a program see a buffer; see <see cref="ProgramView"/>.</summary>
internal sealed record BufferView(LayerBuffer Buffer, int Stride, int Taps, int[] Positions);

/// <summary>A program and what it reads and writes.</summary>
internal sealed record LinearPart(ProductProgram Program, BufferView[] Sources, BufferView Target);
