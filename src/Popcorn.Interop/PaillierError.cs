namespace Popcorn.Interop;

/// <summary>What went wrong; the values are those of <c>pc_status</c> in <c>native/include/popcorn.h</c>.</summary>
public enum PaillierError
{
    /// <summary>A required buffer was empty.</summary>
    Null = 1,

    /// <summary>A length, count or capacity does not fit.</summary>
    Length = 2,

    /// <summary>An index, offset or number is out of range.</summary>
    Range = 3,

    /// <summary>The key is malformed: size, parity, primality, equal primes, base.</summary>
    Key = 4,

    /// <summary>
    /// A ciphertext is 0, not below n² or shares a factor with n, or bytes are no whole batch of ciphertexts.
    /// </summary>
    Ciphertext = 5,

    /// <summary>Two objects belong to different keys.</summary>
    Mismatch = 6,

    /// <summary>Out of memory.</summary>
    Memory = 7,

    /// <summary>No such kernel on this processor, or the native library is missing or does not fit.</summary>
    Unsupported = 8,

    /// <summary>A product program is malformed.</summary>
    Program = 9,

    /// <summary>Random candidates held no suitable prime.</summary>
    NoPrime = 10,

    /// <summary>A known-answer test failed.</summary>
    SelfTest = 11,

    /// <summary>A ciphertext lies outside the subgroup of the short-order key that was to decrypt it.</summary>
    Subgroup = 12,
}
