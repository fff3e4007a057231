namespace Popcorn.Interop;

/// <summary>
/// Length of the random exponent α in h_s^α, the factor that hides a plaintext (Damgård, Jurik and Nielsen's form of
/// Paillier's rⁿ).
/// </summary>
public enum RandomnessProfile
{
    /// <summary>α has half the bits of n: secure if factoring and composite residuosity are hard.</summary>
    Standard = 0,

    /// <summary>
    /// α has 448 bits for keys up to 2048 bits, 512 up to 3072, 640 above (never more than <see cref="Standard"/>), and
    /// work shrinks in proportion. Assumes in addition that powers of h_s with such short exponents cannot be told from
    /// powers with long ones; the lengths are at least twice the key's strength in bits, with a wide margin, so that
    /// generic square-root attacks on α cost more than factoring n.
    /// </summary>
    ShortExponent = 1,
}
