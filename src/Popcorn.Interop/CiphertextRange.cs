namespace Popcorn.Interop;

/// <summary>
/// Consecutive ciphertexts of a batch: an operand or the target of an operation, which checks that they are there.
/// </summary>
/// <param name="Batch">Holds the ciphertexts.</param>
/// <param name="First">The first of them.</param>
/// <param name="Count">How many.</param>
public readonly record struct CiphertextRange(CiphertextBatch Batch, int First, int Count)
{
    /// <summary>All ciphertexts of a batch.</summary>
    public static implicit operator CiphertextRange(CiphertextBatch batch)
    {
        ArgumentNullException.ThrowIfNull(batch);
        return new CiphertextRange(batch, 0, batch.Count);
    }

    internal void Check(string name)
    {
        ArgumentNullException.ThrowIfNull(Batch, name);
        Batch.CheckRange(First, Count);
    }
}
