namespace Popcorn.Interop;

/// <summary>
/// How the tiles of a program's run see a batch: tile t finds entry e at tap k in ciphertext
/// e·stride + positions[t·taps + k], which must be one of the batch.
/// </summary>
/// <param name="Batch">Holds the ciphertexts.</param>
/// <param name="Stride">Ciphertexts from one entry to the next.</param>
/// <param name="Taps">Positions that one tile sees.</param>
/// <param name="Positions">
/// Those of all tiles; −1: an absent input (a plaintext 0), which costs nothing, or an output that is dropped.
/// </param>
public readonly record struct ProgramView(CiphertextBatch Batch, int Stride, int Taps, int[] Positions)
{
    /// <summary>A view of single ciphertexts: position and number are the same.</summary>
    public ProgramView(CiphertextBatch batch, int taps, int[] positions)
        : this(batch, CountOf(batch), taps, positions)
    {
    }

    private static int CountOf(CiphertextBatch batch)
    {
        ArgumentNullException.ThrowIfNull(batch);
        return batch.Count;
    }

    internal void Check(int tiles, string name)
    {
        ArgumentNullException.ThrowIfNull(Batch, name);
        ArgumentNullException.ThrowIfNull(Positions, name);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(Taps, name);
        if (Positions.Length < (long)tiles * Taps)
        {
            throw new ArgumentException($"{tiles} tiles of {Taps} taps need as many positions.", name);
        }
    }
}
