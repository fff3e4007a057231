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

    /// <summary>
    /// Products for one image; a negation counts as the three products that it costs in a batch.
    /// </summary>
    public required long Products { get; init; }

    /// <summary>Ciphertexts that the layer makes for an image.</summary>
    public int Outputs => BufferSizes[(int)LayerBuffer.Output];

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (RunOperation run in Operations.OfType<RunOperation>())
        {
            run.Part.Program.Dispose();
        }
    }
}
