using System.Numerics;
using Popcorn.Engine.Planning;
using Popcorn.Interop;

namespace Popcorn.Engine.Nonlinear;

/// <summary>
/// The client's side of every round: decrypt the packed values, decide, square or shift, encrypt the answers afresh.
/// </summary>
internal sealed class ClientRound(
    Encryptor encryptor, Decryptor decryptor, CiphertextBatchPool pool, Execution execution)
{
    private readonly PaillierPublicKey _key = encryptor.Key;

    /// <summary>Answers one chunk of a round.</summary>
    /// <exception cref="PopcornException">The challenge has the wrong length.</exception>
    public byte[] Answer(RoundStep step, int chunk, ReadOnlySpan<byte> challenge)
    {
        int items = step.ItemsIn(chunk);
        int count = items * step.RepliesPerItem;
        int wordsEach = AnswerWords(step);
        ulong[] packed = Decrypt(step.Layout, items, challenge, step.Name);
        var answers = new ulong[count * wordsEach];
        try
        {
            for (int i = 0; i < items; i++)
            {
                ReadOnlySpan<ulong> plaintext = PlaintextOf(step.Layout, packed, i);
                Span<ulong> own = answers.AsSpan(i * step.RepliesPerItem * wordsEach, step.RepliesPerItem * wordsEach);
                Decide(step, plaintext, i % step.Layout.ItemsPerCiphertext, own);
            }

            using CiphertextBatch replies = pool.Rent(count);
            encryptor.Encrypt(answers, wordsEach, replies, 0, count, execution);
            var bytes = new byte[count * _key.CiphertextBytes];
            replies.Export(0, count, bytes, execution);
            return bytes;
        }
        finally
        {
            Array.Clear(packed);
            Array.Clear(answers);
        }
    }

    /// <summary>The integers of a chunk of packed logits.</summary>
    public BigInteger[] Logits(OutputStep step, int chunk, ReadOnlySpan<byte> ciphertexts)
    {
        int items = step.ItemsIn(chunk);
        ulong[] packed = Decrypt(step.Layout, items, ciphertexts, step.Name);
        BigInteger half = BigInteger.One << (step.Layout.SignedBits - 1);
        var field = new ulong[Words.For(step.Layout.SignedBits)];
        var logits = new BigInteger[items];
        for (int i = 0; i < items; i++)
        {
            int shift = step.Layout.SignedShift(i % step.Layout.ItemsPerCiphertext);
            Words.Extract(PlaintextOf(step.Layout, packed, i), shift, step.Layout.SignedBits, field);
            logits[i] = Words.Read(field) - half;
        }

        return logits;
    }

    /// <summary>Words of one answer in two's complement; answers are never negative.</summary>
    private static int AnswerWords(RoundStep step) => step.Kind switch
    {
        RoundKind.Sign => 1,
        RoundKind.Compare or RoundKind.Clip => Words.For(step.Layout.MaskedBits + 1),
        RoundKind.Rescale => Words.For(step.Layout.MaskedBits - Math.Min(step.Shift, step.Layout.MaskedBits) + 1),
        _ => Words.For(2 * step.Layout.MaskedBits + 1),
    };

    /// <summary>
    /// The answers of one item. Neither branches nor addresses depend on what the slots hold: the server can measure
    /// how long the client takes.
    /// </summary>
    private static void Decide(RoundStep step, ReadOnlySpan<ulong> plaintext, int slot, Span<ulong> answer)
    {
        SlotLayout layout = step.Layout;
        switch (step.Kind)
        {
            case RoundKind.Sign:
                answer[0] = Positive(layout, plaintext, slot, 0);
                break;
            case RoundKind.Compare or RoundKind.Clip:
                // All bits, then all products.
                int length = answer.Length / (2 * layout.SignedFields);
                for (int field = 0; field < layout.SignedFields; field++)
                {
                    ulong positive = answer[field * length] = Positive(layout, plaintext, slot, field);
                    Span<ulong> product = answer.Slice((layout.SignedFields + field) * length, length);
                    Words.Extract(plaintext, layout.MaskedShift(slot), layout.MaskedBits, product);
                    foreach (ref ulong word in product)
                    {
                        word &= 0 - positive;
                    }
                }

                break;
            case RoundKind.Rescale:
                int dropped = Math.Min(step.Shift, layout.MaskedBits);
                Words.Extract(plaintext, layout.MaskedShift(slot) + dropped, layout.MaskedBits - dropped, answer);
                break;
            default:
                Span<ulong> z = stackalloc ulong[Words.For(layout.MaskedBits)];
                Words.Extract(plaintext, layout.MaskedShift(slot), layout.MaskedBits, z);
                Words.Square(z, answer);
                z.Clear();
                break;
        }
    }

    /// <summary>1 where y is positive: a signed field holds y + 2^(w−1), so its top bit is set; y is never 0.</summary>
    private static ulong Positive(SlotLayout layout, ReadOnlySpan<ulong> plaintext, int slot, int field) =>
        Words.Bit(plaintext, layout.SignedShift(slot, field) + layout.SignedBits - 1);

    private ulong[] Decrypt(SlotLayout layout, int items, ReadOnlySpan<byte> ciphertexts, string step)
    {
        int count = layout.Ciphertexts(items);
        if (ciphertexts.Length != count * _key.CiphertextBytes)
        {
            throw new PopcornException(
                $"The server sent {ciphertexts.Length} bytes instead of {count} ciphertexts for '{step}'; refused.");
        }

        using CiphertextBatch packed = pool.Rent(count);
        packed.Import(ciphertexts, 0, count, execution);
        var words = new ulong[count * _key.PlaintextWords];
        decryptor.Decrypt(packed, 0, count, words, execution);
        return words;
    }

    private ReadOnlySpan<ulong> PlaintextOf(SlotLayout layout, ulong[] packed, int item) =>
        packed.AsSpan(item / layout.ItemsPerCiphertext * _key.PlaintextWords, _key.PlaintextWords);
}
