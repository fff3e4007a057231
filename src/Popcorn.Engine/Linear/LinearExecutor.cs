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
        bool split = layer.Negatives == NegativeWeights.InvertOutputs;
        using CiphertextBatch? signed =
            layer.Negatives == NegativeWeights.InvertInputs ? WithInverses(layer, input, execution) : null;
        var output = new CiphertextBatch(input.Key, split ? 2 * layer.Outputs : layer.Outputs);
        try
        {
            products = RunParts(layer, signed ?? input, output, execution) + OverheadOf(layer);
            if (split)
            {
                CiphertextBatch parts = output;
                output = Join(layer, parts, execution);
                parts.Dispose();
            }

            AddBias(layer, output, execution);
            return output;
        }
        catch
        {
            output.Dispose();
            throw;
        }
    }

    private static long OverheadOf(CompiledLinear layer) => layer.Negatives switch
    {
        NegativeWeights.InvertInputs => LinearCompiler.ProductsOfInversion * (long)layer.Inputs,
        NegativeWeights.InvertOutputs => (LinearCompiler.ProductsOfInversion + 1) * (long)layer.Outputs,
        _ => 0,
    };

    private static CiphertextBatch WithInverses(CompiledLinear layer, CiphertextBatch input, Execution execution)
    {
        var both = new CiphertextBatch(input.Key, 2 * layer.Inputs);
        both.Gather(input, [.. Enumerable.Range(0, layer.Inputs)], 0);
        Evaluator.Negate(input, 0, both, layer.Inputs, layer.Inputs, execution);
        return both;
    }

    private static CiphertextBatch Join(CompiledLinear layer, CiphertextBatch parts, Execution execution)
    {
        Evaluator.Negate(parts, layer.Outputs, parts, layer.Outputs, layer.Outputs, execution);
        var output = new CiphertextBatch(parts.Key, layer.Outputs);
        Evaluator.Add(parts, 0, parts, layer.Outputs, output, 0, layer.Outputs, execution);
        return output;
    }

    /// <summary>Tiles of one program and several programs alike are spread over the cores.</summary>
    private static long RunParts(
        CompiledLinear layer, CiphertextBatch input, CiphertextBatch output, Execution execution)
    {
        long products = 0;
        if (layer.Parts.Count == 1)
        {
            LinearPart only = layer.Parts[0];
            return Evaluator.Run(
                only.Program, input, only.InputIndex, output, only.OutputIndex, only.Tiles, execution);
        }

        Execution sequential = execution with { DegreeOfParallelism = 1 };
        var options = new ParallelOptions
        {
            MaxDegreeOfParallelism = execution.DegreeOfParallelism <= 0 ? -1 : execution.DegreeOfParallelism,
            CancellationToken = execution.CancellationToken,
        };
        Parallel.ForEach(layer.Parts, options, part =>
        {
            long done = Evaluator.Run(
                part.Program, input, part.InputIndex, output, part.OutputIndex, part.Tiles, sequential);
            Interlocked.Add(ref products, done);
        });
        return products;
    }

    private static void AddBias(CompiledLinear layer, CiphertextBatch output, Execution execution)
    {
        if (Array.TrueForAll(layer.Bias, b => b.IsZero))
        {
            return;
        }

        int words = Words.CountFor(layer.Bias);
        var plaintexts = new ulong[layer.Bias.Length * words];
        for (int i = 0; i < layer.Bias.Length; i++)
        {
            Words.Write(layer.Bias[i], plaintexts.AsSpan(i * words, words));
        }

        Evaluator.AddPlain(plaintexts, words, output, 0, layer.Bias.Length, execution);
    }
}
