using System.Runtime.ExceptionServices;
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
            switch (layer.Negatives)
            {
                case NegativeWeights.InvertInputs:
                    products = RunOnInverses(layer, input, output, execution);
                    break;
                case NegativeWeights.InvertOutputs:
                    products = RunInParts(layer, input, output, execution);
                    break;
                default:
                    products = RunPrograms(layer, input, output, execution);
                    break;
            }

            products += layer.Overhead;
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

    private static long RunOnInverses(
        CompiledLinear layer, CiphertextBatch input, CiphertextBatch output, Execution execution)
    {
        using var both = new CiphertextBatch(input.Key, 2 * layer.Inputs);
        both.Gather(input, [.. Enumerable.Range(0, layer.Inputs)], 0);
        Evaluator.Negate(input, 0, both, layer.Inputs, layer.Inputs, execution);
        return RunPrograms(layer, both, output, execution);
    }

    private static long RunInParts(
        CompiledLinear layer, CiphertextBatch input, CiphertextBatch output, Execution execution)
    {
        using var parts = new CiphertextBatch(input.Key, 2 * layer.Outputs);
        long products = RunPrograms(layer, input, parts, execution);
        Evaluator.Negate(parts, layer.Outputs, parts, layer.Outputs, layer.Outputs, execution);
        Evaluator.Add(parts, 0, parts, layer.Outputs, output, 0, layer.Outputs, execution);
        return products;
    }

    /// <summary>Tiles of one program and several programs alike are spread over the cores.</summary>
    private static long RunPrograms(
        CompiledLinear layer, CiphertextBatch input, CiphertextBatch output, Execution execution)
    {
        if (layer.Parts.Count == 1)
        {
            return Run(layer.Parts[0], execution);
        }

        long products = 0;
        Execution sequential = execution with { DegreeOfParallelism = 1 };
        var options = new ParallelOptions
        {
            MaxDegreeOfParallelism =
                execution.DegreeOfParallelism == 0 ? Environment.ProcessorCount : execution.DegreeOfParallelism,
            CancellationToken = execution.CancellationToken,
        };
        try
        {
            Parallel.ForEach(layer.Parts, options, part => Interlocked.Add(ref products, Run(part, sequential)));
        }
        catch (AggregateException e)
        {
            // One part's failure is the layer's failure, as it would be on one thread.
            ExceptionDispatchInfo.Throw(e.InnerExceptions[0]);
        }

        return products;

        long Run(LinearPart part, Execution how) => Evaluator.Run(
            part.Program, input, part.InputIndex, output, part.OutputIndex, part.Tiles, how);
    }
}
