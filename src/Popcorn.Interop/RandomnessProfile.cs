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

    /// <summary>
    /// α has 40 bits more than n, so h_s^α is within 2⁻⁴⁰ of uniform among the powers of h_s. For whoever re-randomises
    /// towards the key's owner: the owner knows the factors, so nothing that rests on factoring hides from it how a
    /// ciphertext was made. Use it with a base of one's own (<see cref="PaillierPublicKey.WithFreshBase"/>).
    /// </summary>
    Statistical = 2,
}
