using Popcorn.Interop;

namespace Popcorn.Engine.Protocols;

/// <summary>
/// What the client of a family that encrypts says at first: its public key, and the proof that n is what it should be.
/// </summary>
internal static class KeyOpening
{
    /// <summary>What a client says.</summary>
    public static byte[] Of(PaillierPrivateKey key) => [.. key.PublicKey.Export(), .. key.ProveModulus()];

    /// <summary>Takes in what a client said.</summary>
    /// <param name="opening">It.</param>
    /// <param name="options">What keys the server accepts.</param>
    /// <param name="planFor">Makes the plan for such a key, which is quicker than checking the proof.</param>
    /// <returns>The key, which is the caller's to dispose, and the plan.</returns>
    /// <exception cref="PopcornException">The client is refused.</exception>
    public static (PaillierPublicKey Key, TPlan Plan) Admit<TPlan>(
        ReadOnlySpan<byte> opening, PartyOptions options, Func<PaillierPublicKey, TPlan> planFor)
    {
        int length = Math.Min(PaillierPublicKey.LengthAtStart(opening), opening.Length);
        KeyOrder order = PaillierPublicKey.OrderAtStart(opening);
        if (order == KeyOrder.Short && !options.AcceptShortOrder)
        {
            throw new PopcornException(
                PopcornError.Refused,
                "The key is of short order and this server accepts full order alone; send a key of full order, or let "
                + "the server accept short ones (serve --accept-short-order).");
        }

        KeyOptions keyOptions = (options.KeyOptions ?? new KeyOptions()) with { Order = order };
        PaillierPublicKey key = PaillierPublicKey.Import(opening[..length], keyOptions);
        try
        {
            if (key.Bits < options.MinimumKeyBits)
            {
                throw new PopcornException(
                    PopcornError.Refused,
                    $"The key has {key.Bits} bits and this server asks for {options.MinimumKeyBits} at least; "
                    + "make a larger one.");
            }

            TPlan plan = planFor(key);

            // Masks cover the plaintexts modulo n, re-randomisation covers the n-th residues. With another n there
            // would be something beside the two that nothing covers.
            return key.VerifyModulus(opening[length..])
                ? (key, plan)
                : throw new PopcornException(
                    PopcornError.Refused,
                    "The proof that comes with the key does not show that gcd(n, φ(n)) = 1; make another key, with "
                    + "this version of Popcorn.");
        }
        catch
        {
            key.Dispose();
            throw;
        }
    }
}
