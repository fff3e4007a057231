namespace Popcorn.Interop;

/// <summary>
/// The order of the base h of a key's randomness: what hides a plaintext is a power of hⁿ. Keys of one kind do not pass
/// for keys of the other.
/// </summary>
public enum KeyOrder
{
    /// <summary>
    /// h = −y² for a random y, as Damgård, Jurik and Nielsen have it: as secure as factoring and composite residuosity
    /// are hard. A server can hide from any such key how its ciphertexts were made.
    /// </summary>
    Full = 0,

    /// <summary>
    /// p = 2·u·v + 1 with a prime u of 256 bits, q likewise, and h of order u_p·u_q: decryption, encryption and
    /// re-randomisation take a quarter to a half of the work. Rests on more: that nobody tells the subgroup of h from
    /// the rest, and that a search of 2¹²⁸ steps for u is out of reach, whatever the length of n. And the server, which
    /// must stay in that subgroup, hides how its ciphertexts were made from clients alone whose keys are honest.
    /// </summary>
    Short = 1,
}
