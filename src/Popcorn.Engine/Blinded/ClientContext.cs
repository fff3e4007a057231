using Popcorn.Interop;

namespace Popcorn.Engine.Blinded;

/// <summary>What the client's side of a query works with.</summary>
/// <param name="Encryptor">The key owner's tables.</param>
/// <param name="Decryptor">The key owner's decryption.</param>
/// <param name="Pool">Recycles the batches that every chunk needs.</param>
/// <param name="Execution">Degree of parallelism and cancellation.</param>
internal sealed record ClientContext(
    Encryptor Encryptor, Decryptor Decryptor, CiphertextBatchPool Pool, Execution Execution)
{
    private PaillierPublicKey Key => Encryptor.Key;

    /// <summary>The plaintexts of packed items, as words; the caller wipes them.</summary>
    /// <exception cref="PopcornException">The message has the wrong length.</exception>
    public ulong[] Decrypt(SlotLayout layout, int items, ReadOnlySpan<byte> ciphertexts, string step)
    {
        int count = layout.Ciphertexts(items);
        if (ciphertexts.Length != count * Key.CiphertextBytes)
        {
            throw new PopcornException(
                $"The server sent {ciphertexts.Length} bytes instead of {count} ciphertexts for '{step}'; refused.");
        }

        using CiphertextBatch packed = Pool.Rent(count);
        packed.Import(ciphertexts, 0, count, Execution);
        var words = new ulong[count * Key.PlaintextWords];
        Decryptor.Decrypt(packed, 0, count, words, Execution);
        return words;
    }

    /// <summary>The plaintext that an item shares with others.</summary>
    public ReadOnlySpan<ulong> PlaintextOf(SlotLayout layout, ulong[] packed, int item) =>
        packed.AsSpan(item / layout.ItemsPerCiphertext * Key.PlaintextWords, Key.PlaintextWords);

    /// <summary>Numbers of some words each, encrypted and ready to be sent.</summary>
    public byte[] Encrypt(ReadOnlySpan<ulong> words, int wordsEach)
    {
        int count = words.Length / wordsEach;
        using CiphertextBatch batch = Pool.Rent(count);
        Encryptor.Encrypt(words, wordsEach, batch, 0, count, Execution);
        var bytes = new byte[checked(count * Key.CiphertextBytes)];
        batch.Export(0, count, bytes, Execution);
        return bytes;
    }
}
