using Popcorn.Interop;

namespace Popcorn.Engine.Linear;

/// <summary>Runs a compiled layer on ciphertexts.</summary>
internal static class LinearExecutor
{
    /// <summary>Applies a layer.</summary>
    /// <param name="layer">The compiled layer.</param>
    /// <param name="input">Its input, one ciphertext per element.</param>
    /// <param name="execution">Degree of parallelism and cancellation.</param>
    /// <param name="products">Receives the products done, equal to <see cref="CompiledLinear.Products"/>.</param>
    /// <returns>A new batch, which the caller disposes.</returns>
    public static CiphertextBatch Run(
        CompiledLinear layer, CiphertextBatch input, Execution execution, out long products)
    {
        var buffers = new CiphertextBatch?[layer.BufferSizes.Length];
        bool done = false;
        try
        {
            for (int i = 0; i < buffers.Length; i++)
            {
                buffers[i] = i == (int)LayerBuffer.Input ? input
                    : layer.BufferSizes[i] == 0 ? null
                    : new CiphertextBatch(input.Key, layer.BufferSizes[i]);
            }

            products = 0;
            foreach (LinearStep step in layer.Steps)
            {
                products += Run(step, buffers, execution);
            }

            CiphertextBatch output = buffers[(int)LayerBuffer.Output]!;
            if (layer.BiasWords.Length > 0)
            {
                int words = layer.BiasWords.Length / layer.Outputs;
                Evaluator.AddPlain(layer.BiasWords, words, output, 0, layer.Outputs, execution);
            }

            done = true;
            return output;
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

    private static long Run(LinearStep step, CiphertextBatch?[] buffers, Execution execution)
    {
        switch (step)
        {
            case InvertStep invert:
                Evaluator.Negate(
                    buffers[(int)invert.From]!.Range(invert.Offset, invert.Count),
                    buffers[(int)invert.To]!.Range(invert.Offset, invert.Count), execution);
                return (long)Evaluator.ProductsOfNegation * invert.Count;
            case RunStep run:
                return Evaluator.Run(
                    run.Part.Program, [.. run.Part.Sources.Select(source => ViewOf(source, buffers))],
                    ViewOf(run.Part.Target, buffers), run.FirstTile, run.Tiles, execution);
            default:
                throw new ArgumentOutOfRangeException(nameof(step), step, "No such step.");
        }
    }

    private static ProgramView ViewOf(BufferView view, CiphertextBatch?[] buffers) =>
        new(buffers[(int)view.Buffer]!, view.Stride, view.Taps, view.Positions);
}
