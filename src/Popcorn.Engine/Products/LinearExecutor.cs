using Popcorn.Interop;

namespace Popcorn.Engine.Products;

/// <summary>Runs a compiled layer on ciphertexts.</summary>
internal static class LinearExecutor
{
    /// <summary>Applies a layer, without its biases, to all images at once.</summary>
    /// <param name="layer">The compiled layer.</param>
    /// <param name="input">Its input, one ciphertext for each element, one image after the other.</param>
    /// <param name="images">Images in it.</param>
    /// <param name="execution">Degree of parallelism and cancellation.</param>
    /// <param name="products">Receives the products done: <see cref="CompiledLinear.Products"/> for each image.</param>
    /// <returns>A new batch like the input, which the caller disposes.</returns>
    public static CiphertextBatch Run(
        CompiledLinear layer, CiphertextBatch input, int images, Execution execution, out long products)
    {
        var buffers = new CiphertextBatch?[layer.BufferSizes.Length];
        bool done = false;
        try
        {
            for (int i = 0; i < buffers.Length; i++)
            {
                buffers[i] = i == (int)LayerBuffer.Input ? input
                    : layer.BufferSizes[i] == 0 ? null
                    : new CiphertextBatch(input.Key, checked(images * layer.BufferSizes[i]));
            }

            products = 0;
            foreach (LinearOperation operation in layer.Operations)
            {
                products += images == 1
                    ? RunOnOne(operation, buffers, execution)
                    : RunOnAll(operation, layer, buffers, images, execution);
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

    private static long RunOnAll(
        LinearOperation operation, CompiledLinear layer, CiphertextBatch?[] buffers, int images, Execution execution)
    {
        switch (operation)
        {
            case NegateOperation negate:
                int ofImage = layer.BufferSizes[(int)negate.From];
                return Enumerable.Range(0, images)
                    .Sum(image => Negate(negate, image * ofImage + negate.Offset, buffers, execution));
            case RunOperation run:
                TileList tiles = TilesOf(run, images);
                return Evaluator.Run(
                    run.Part.Program,
                    [.. run.Part.Sources.Select(source => ViewOf(source, PositionsIn(source, tiles, layer), buffers))],
                    ViewOf(run.Part.Target, PositionsIn(run.Part.Target, tiles, layer), buffers), 0, tiles.Count,
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

    private static int[] PositionsIn(BufferView view, TileList tiles, CompiledLinear layer)
    {
        int tilesOfImage = view.Positions.Length / view.Taps;
        int size = layer.BufferSizes[(int)view.Buffer];
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
