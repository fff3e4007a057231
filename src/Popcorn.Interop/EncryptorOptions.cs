namespace Popcorn.Interop;

/// <summary>How an <see cref="Encryptor"/> trades memory, time and assumptions.</summary>
public sealed record EncryptorOptions
{
    /// <summary>Length of the random exponents.</summary>
    public RandomnessProfile Profile { get; init; }

    /// <summary>
    /// Bits of the exponent that one table covers, 1 to 12. One bit more saves one product in
    /// <c>WindowBits + 1</c> and nearly doubles the tables (see <see cref="Encryptor.TableBytes"/>).
    /// </summary>
    public int WindowBits { get; init; } = 8;
}
