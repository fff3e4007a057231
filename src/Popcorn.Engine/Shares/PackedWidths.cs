namespace Popcorn.Engine.Shares;

/// <summary>
/// The slots of a packed linear layer. A slot holds 2^g times a sum of the client's centred shares, which is below
/// 2^(ω−1) in magnitude, and later the server's mask.
/// </summary>
/// <param name="Value">k + g: bits of a slot that are shares.</param>
/// <param name="Width">ω = k + g + 1 + load.</param>
/// <param name="HidingBits">λ: a mask is wider by so much than what it covers.</param>
/// <param name="IsExact">
/// Whether each slot has a mask of its own, so that no carry leaves it; else one covers the whole plaintext.
/// </param>
internal readonly record struct PackedWidths(int Value, int Width, int HidingBits, bool IsExact)
{
    /// <summary>From slot to slot.</summary>
    public int Pitch => IsExact ? Width + HidingBits + 1 : Width;

    /// <summary>Slots that plaintexts of a key have room for, with their masks.</summary>
    public int Capacity(int keyBits) => (keyBits - 2 - (IsExact ? 0 : HidingBits)) / Pitch;
}
