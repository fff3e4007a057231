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
        var output = new CiphertextBatch(input.Key, layer.Outputs);
        try
        {
            products = layer.Overhead;
            using CiphertextBatch? extended =
                layer.Extras == 0 ? null : Extend(layer, input, execution, ref products);
            CiphertextBatch source = extended ?? input;
            if (layer.Negatives == NegativeWeights.InvertOutputs)
            {
                RunInParts(layer, source, output, execution, ref products);
            }
            else
            {
                Run(layer.Rows, source, output, execution, ref products);
            }

            if (layer.BiasWords.Length > 0)
            {
                int words = layer.BiasWords.Length / layer.Outputs;
                Evaluator.AddPlain(layer.BiasWords, words, output, 0, layer.Outputs, execution);
            }

            return output;
        }
        catch
        {
            output.Dispose();
            throw;
        }
    }

    /// <summary>The inputs, and after them their inverses or the tables made from them.</summary>
    private static CiphertextBatch Extend(
        CompiledLinear layer, CiphertextBatch input, Execution execution, ref long products)
    {
        var extended = new CiphertextBatch(input.Key, layer.Inputs + layer.Extras);
        try
        {
            extended.Gather(input, [.. Enumerable.Range(0, layer.Inputs)], 0);
            if (layer.Negatives == NegativeWeights.InvertInputs)
            {
                Evaluator.Negate(input, 0, extended, layer.Inputs, layer.Inputs, execution);
            }

            Run(layer.Tables, input, extended, execution, ref products);
            return extended;
        }
        catch
        {
            extended.Dispose();
            throw;
        }
    }

    /// <summary>Positive and negative parts of all outputs, then the difference.</summary>
    private static void RunInParts(
        CompiledLinear layer, CiphertextBatch source, CiphertextBatch output, Execution execution, ref long products)
    {
        using var parts = new CiphertextBatch(source.Key, 2 * layer.Outputs);
        Run(layer.Rows, source, parts, execution, ref products);
        Evaluator.Negate(parts, layer.Outputs, parts, layer.Outputs, layer.Outputs, execution);
        Evaluator.Add(parts, 0, parts, layer.Outputs, output, 0, layer.Outputs, execution);
    }

    /// <summary>Tiles of one program and several programs alike are spread over the cores.</summary>
    private static void Run(
        IReadOnlyList<LinearPart> parts, CiphertextBatch source, CiphertextBatch target, Execution execution,
        ref long products)
    {
        if (parts.Count == 1)
        {
            products += Run(parts[0], source, target, execution);
            return;
        }

        long done = 0;
        Execution sequential = execution with { DegreeOfParallelism = 1 };
        execution.ForEach(
            parts.Count, i => Interlocked.Add(ref done, Run(parts[i], source, target, sequential)));
        products += done;
    }

    private static long Run(LinearPart part, CiphertextBatch source, CiphertextBatch target, Execution execution) =>
        Evaluator.Run(
            part.Program, source, part.InputIndex, target, part.OutputIndex, part.Tiles, execution);
}
