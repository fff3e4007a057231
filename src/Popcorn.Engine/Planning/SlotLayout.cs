namespace Popcorn.Engine.Planning;

/// <summary>
/// How the items of a step share plaintexts on their way to the client: <see cref="ItemsPerCiphertext"/> items side by
/// side from the least significant bit up, each with signed fields (sign carriers, or a logit) and above them an unsigned
/// field (the masked value); a field of 0 bits is absent. A signed field of w bits holds v + 2^(w−1).
/// </summary>
/// <param name="SignedBits">Width of each signed field: |v| &lt; 2^(SignedBits − 1).</param>
/// <param name="MaskedBits">Width of the unsigned field: v &lt; 2^MaskedBits.</param>
/// <param name="ItemsPerCiphertext">Items in one ciphertext.</param>
/// <param name="SignedFields">Signed fields of an item.</param>
public sealed record SlotLayout(int SignedBits, int MaskedBits, int ItemsPerCiphertext, int SignedFields = 1)
{
    /// <summary>Bits of one item.</summary>
    public int ItemBits => SignedFields * SignedBits + MaskedBits;

    /// <summary>
    /// The layout that fits most items into a plaintext of a key: width × items ≤ key bits − 1, so that a packed
    /// plaintext is always less than n.
    /// </summary>
    /// <returns>Null where not even one item fits.</returns>
    public static SlotLayout? Fit(int signedBits, int maskedBits, int keyBits, int signedFields = 1)
    {
        int items = (keyBits - 1) / (signedFields * signedBits + maskedBits);
        return items == 0 ? null : new SlotLayout(signedBits, maskedBits, items, signedFields);
    }

    /// <summary>Bit position of a signed field of an item within its plaintext.</summary>
    public int SignedShift(int slot, int field = 0) => slot * ItemBits + field * SignedBits;

    /// <summary>Bit position of an item's masked field within its plaintext.</summary>
    public int MaskedShift(int slot) => slot * ItemBits + SignedFields * SignedBits;

    /// <summary>Ciphertexts that a number of items fills.</summary>
    public int Ciphertexts(int items) => (items + ItemsPerCiphertext - 1) / ItemsPerCiphertext;
}
