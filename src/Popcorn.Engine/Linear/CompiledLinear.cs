using Popcorn.Interop;

namespace Popcorn.Engine.Linear;

/// <summary>How a layer's negative weights are paid for.</summary>
internal enum NegativeWeights
{
    /// <summary>There are none.</summary>
    None,

    /// <summary>All inputs are inverted in one batch; programs read x and −x.</summary>
    InvertInputs,

    /// <summary>
    /// Programs gather positive and negative parts apart; the negative parts are inverted in one
    /// batch.
    /// </summary>
    InvertOutputs,
}

/// <summary>
/// A linear layer as programs of products over vectors of ciphertexts; made once when a model is loaded, shared by all
/// queries. It knows which input feeds which output, and not what a ciphertext holds.
/// </summary>
internal sealed class CompiledLinear : IDisposable
{
    /// <summary>Ciphertexts that the layer reads.</summary>
    public required int Inputs { get; init; }

    /// <summary>Ciphertexts that it makes.</summary>
    public required int Outputs { get; init; }

    /// <summary>How negative weights are paid for.</summary>
    public required NegativeWeights Negatives { get; init; }

    /// <summary>Values that are made before any row and follow the inputs: inverses, or tables.</summary>
    public required int Extras { get; init; }

    /// <summary>Programs that fill the tables; none where there are no tables.</summary>
    public required IReadOnlyList<LinearPart> Tables { get; init; }

    /// <summary>Programs that make the outputs.</summary>
    public required IReadOnlyList<LinearPart> Rows { get; init; }

    /// <summary>Bias of each output as plaintext words; empty where all are zero.</summary>
    public required ulong[] BiasWords { get; init; }

    /// <summary>Products outside the programs: inversions, and joining positive and negative parts.</summary>
    public required long Overhead { get; init; }

    /// <summary>Short description for users.</summary>
    public required string Strategy { get; init; }

    /// <summary>
    /// Products that one run does; an inversion counts as the three products that it costs in a
    /// batch.
    /// </summary>
    public required long Products { get; init; }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (LinearPart part in Tables.Concat(Rows))
        {
            part.Program.Dispose();
        }
    }
}

/// <summary>One program and the input vectors (tiles) that it runs on.</summary>
/// <param name="Program">The program.</param>
/// <param name="Tiles">Number of tiles.</param>
/// <param name="InputIndex">
/// For each tile and input of the program the input ciphertext, −1 where padding; with
/// <see cref="NegativeWeights.InvertInputs"/> index inputs + i stands for the inverse of i.
/// </param>
/// <param name="OutputIndex">
/// For each tile and output of the program the output ciphertext; with <see cref="NegativeWeights.InvertOutputs"/>
/// index outputs + o stands for the negative part of o.
/// </param>
internal sealed record LinearPart(ProductProgram Program, int Tiles, int[] InputIndex, int[] OutputIndex);
