namespace Popcorn.Engine.Blinded;

/// <summary>
/// The fields of an item on its way to the client: signed ones (sign carriers, or a logit) and above them an unsigned
/// one (the masked value); a field of 0 bits is absent. A signed field of w bits holds v + 2^(w−1).
/// </summary>
/// <param name="SignedBits">Width of each signed field: |v| &lt; 2^(SignedBits − 1).</param>
/// <param name="MaskedBits">Width of the unsigned field: v &lt; 2^MaskedBits.</param>
/// <param name="SignedFields">Signed fields of an item.</param>
internal sealed record SlotFields(int SignedBits, int MaskedBits, int SignedFields = 1)
{
    /// <summary>Fields of one item.</summary>
    public int Count => SignedFields + (MaskedBits > 0 ? 1 : 0);

    /// <summary>Bits of one item.</summary>
    public int ItemBits => SignedFields * SignedBits + MaskedBits;
}

/// <summary>How items share plaintexts: side by side from the least significant bit up.</summary>
/// <param name="Fields">The fields of each.</param>
/// <param name="ItemsPerCiphertext">Items in one ciphertext.</param>
internal sealed record SlotLayout(SlotFields Fields, int ItemsPerCiphertext)
{
    /// <summary>
    /// The layout that fits most items into a plaintext of a key: width × items ≤ key bits − 1, so that a packed
    /// plaintext is always less than n.
    /// </summary>
    /// <returns>Null where not even one item fits.</returns>
    public static SlotLayout? Fit(SlotFields fields, int keyBits)
    {
        int items = (keyBits - 1) / fields.ItemBits;
        return items == 0 ? null : new SlotLayout(fields, items);
    }

    /// <summary>Bit position of a signed field of an item within its plaintext.</summary>
    public int SignedShift(int slot, int field = 0) => slot * Fields.ItemBits + field * Fields.SignedBits;

    /// <summary>Bit position of an item's masked field within its plaintext.</summary>
    public int MaskedShift(int slot) => slot * Fields.ItemBits + Fields.SignedFields * Fields.SignedBits;

    /// <summary>Ciphertexts that a number of items fills.</summary>
    public int Ciphertexts(int items) => (items + ItemsPerCiphertext - 1) / ItemsPerCiphertext;
}
