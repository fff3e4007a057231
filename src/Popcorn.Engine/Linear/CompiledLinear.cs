namespace Popcorn.Engine.Linear;

/// <summary>
/// A linear layer as steps over rows of ciphertexts; made once when a model is loaded, shared by all queries. It knows
/// which input feeds which output, and not what a ciphertext holds.
/// </summary>
internal sealed class CompiledLinear : IDisposable
{
    /// <summary>Ciphertexts of each <see cref="LayerBuffer"/>; 0 where a layer does without one.</summary>
    public required int[] BufferSizes { get; init; }

    /// <summary>What is to be done, in order.</summary>
    public required IReadOnlyList<LinearStep> Steps { get; init; }

    /// <summary>Bias of each output as plaintext words; empty where all are zero.</summary>
    public required ulong[] BiasWords { get; init; }

    /// <summary>How negative weights are paid for.</summary>
    public required NegativeWeights Negatives { get; init; }

    /// <summary>Short description for users.</summary>
    public required string Strategy { get; init; }

    /// <summary>
    /// Products that one run does; an inversion counts as the three products that it costs in a
    /// batch.
    /// </summary>
    public required long Products { get; init; }

    /// <summary>Ciphertexts that the layer makes.</summary>
    public int Outputs => BufferSizes[(int)LayerBuffer.Output];

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (RunStep step in Steps.OfType<RunStep>())
        {
            step.Part.Program.Dispose();
        }
    }
}
