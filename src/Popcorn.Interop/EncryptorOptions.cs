namespace Popcorn.Interop;

/// <summary>How an <see cref="Encryptor"/> trades memory, time and assumptions.</summary>
public sealed record EncryptorOptions
{
    /// <summary>Length of the random exponents; a short-order key has its own.</summary>
    public RandomnessProfile Profile { get; init; }

    /// <summary>
    /// Bits of the exponent that one table covers, 1 to 12. One bit more saves one product in
    /// <c>WindowBits + 1</c> and nearly doubles the tables (see <see cref="Encryptor.TableBytes"/>). Null: 8, or 5 with
    /// <see cref="ConstantTime"/>.
    /// </summary>
    public int? WindowBits { get; init; }

    /// <summary>
    /// Tables are read in full for every window instead of being indexed by the randomness, so that nobody who watches
    /// the caches of the machine learns about it. Encryption takes about twice as long.
    /// </summary>
    public bool ConstantTime { get; init; }

    internal int Window => WindowBits ?? (ConstantTime ? 5 : 8);
}
