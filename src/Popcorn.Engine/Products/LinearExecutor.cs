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
                products += operation switch
                {
                    NegateOperation negate => Negate(negate, layer, buffers, images, execution),
                    RunOperation run => Run(run, layer, buffers, images, execution),
                    _ => throw new NotSupportedException($"There is no way to run a {operation.GetType().Name}."),
                };
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

    private static long Negate(
        NegateOperation negate, CompiledLinear layer, CiphertextBatch?[] buffers, int images, Execution execution)
    {
        CiphertextBatch from = buffers[(int)negate.From]!, to = buffers[(int)negate.To]!;
        int size = layer.BufferSizes[(int)negate.From];
        if (negate.Count == size)
        {
            Evaluator.Negate(from, to, execution);
        }
        else
        {
            for (int image = 0; image < images; image++)
            {
                int first = image * size + negate.Offset;
                Evaluator.Negate(from.Range(first, negate.Count), to.Range(first, negate.Count), execution);
            }
        }

        return (long)Evaluator.ProductsOfNegation * images * negate.Count;
    }

    private static long Run(
        RunOperation run, CompiledLinear layer, CiphertextBatch?[] buffers, int images, Execution execution)
    {
        if (images == 1)
        {
            return Evaluator.Run(
                run.Part.Program, [.. run.Part.Sources.Select(source => ViewOf(source, source.Positions))],
                ViewOf(run.Part.Target, run.Part.Target.Positions), run.FirstTile, run.Tiles, execution);
        }

        // The tiles of all images side by side, so that they share lanes.
        var tiles = new TileList(run.Part.Program.FillsLanes);
        for (int image = 0; image < images; image++)
        {
            for (int tile = run.FirstTile; tile < run.FirstTile + run.Tiles; tile++)
            {
                if (run.Part.Target.Positions[tile] >= 0)
                {
                    tiles.Add(image * run.Part.Target.Positions.Length + tile);
                }
            }
        }

        tiles.Pad();
        return Evaluator.Run(
            run.Part.Program, [.. run.Part.Sources.Select(source => ViewOf(source, ForTiles(source)))],
            ViewOf(run.Part.Target, ForTiles(run.Part.Target)), 0, tiles.Count, execution);

        ProgramView ViewOf(BufferView view, int[] positions) =>
            new(buffers[(int)view.Buffer]!, view.Stride, view.Taps, positions);

        int[] ForTiles(BufferView view)
        {
            int tilesOfImage = view.Positions.Length / view.Taps;
            int size = layer.BufferSizes[(int)view.Buffer];
            var positions = new int[tiles.Count * view.Taps];
            int next = 0;
            foreach (int tile in tiles)
            {
                (int image, int own) = tile < 0 ? (0, -1) : Math.DivRem(tile, tilesOfImage);
                for (int tap = 0; tap < view.Taps; tap++)
                {
                    int position = own < 0 ? -1 : view.Positions[own * view.Taps + tap];
                    positions[next++] = position < 0 ? -1 : image * size + position;
                }
            }

            return positions;
        }
    }
}
