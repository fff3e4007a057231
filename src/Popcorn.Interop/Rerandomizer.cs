using System.Security.Cryptography;
using Popcorn.Interop.Native;

namespace Popcorn.Interop;

/// <summary>
/// Hides how ciphertexts were made, from everybody, the owner of the key too, whatever that key is: multiplies them by
/// a random n-th residue modulo n² that is within 2⁻⁶⁴ of uniform among all of them. (An <see cref="Encryptor"/> draws
/// from the powers of one base: the owner, who knows the factors of n, can see what those leave.) For each of
/// <see cref="Rows"/> windows of randomness it has a base of its own, which it draws from the operating system. Their
/// tables are secret and wiped. Immutable and thread-safe; building them takes a while, so keep the object.
/// <para>
/// Under a short-order key (<see cref="KeyOrder.Short"/>) ciphertexts must stay in the key's subgroup, or their owner
/// refuses them: the factors are powers of the key's own base, within 2⁻⁶⁴ of uniform in the group that it generates.
/// That hides as much from an owner whose base is as it should be, and from everybody else. Whoever makes a key to this
/// end sees what the powers of its base leave.
/// </para>
/// </summary>
public sealed class Rerandomizer : IDisposable
{
    // Each ciphertext is within 2 to the -StatisticalBits of uniform.
    private const int StatisticalBits = Encryptor.HidingBits;

    // No prime factor of n is below 2 to this.
    private const int LeastFactorBits = 16;

    // y is drawn this much wider than n, so that its reduction modulo n is uniform for all practical purposes.
    private const int ExtraBytes = 16;

    private readonly RandomnessTables _tables;

    /// <summary>Draws the bases and builds their tables.</summary>
    /// <param name="key">The public key; it may be disposed before the re-randomiser.</param>
    /// <param name="windowBits">
    /// Bits of randomness to a base, 1 to 12: wider ones take fewer products and larger tables.
    /// </param>
    /// <param name="execution">Threads and cancellation.</param>
    /// <exception cref="PaillierException">
    /// <see cref="PaillierError.Key"/>: n has a prime factor below 2¹⁶ (not looked for in a short-order key). Or no
    /// memory, or a window out of range.
    /// </exception>
    public Rerandomizer(PaillierPublicKey key, int windowBits = 8, Execution execution = default)
    {
        ArgumentNullException.ThrowIfNull(key);
        ArgumentOutOfRangeException.ThrowIfLessThan(windowBits, 1);
        _tables = new RandomnessTables(
            key, key.Order == KeyOrder.Short ? OfKeysBase(key, windowBits) : OfOwnBases(key, windowBits), execution);
    }

    private static EncryptorHandle OfKeysBase(PaillierPublicKey key, int windowBits)
    {
        int bits = Encryptor.ExponentBits(key.Bits, RandomnessProfile.Standard, KeyOrder.Short);
        NativeStatus.Check(
            NativeMethods.EncryptorCreatePublic(
                key.Handle, bits, windowBits, RandomnessTables.FillLaterFlag, out EncryptorHandle handle),
            "re-randomiser");
        return handle;
    }

    private static EncryptorHandle OfOwnBases(PaillierPublicKey key, int windowBits)
    {
        int rows = Rows(key.Bits, windowBits);
        using var seeds = new SecretArray<byte>(checked(rows * ((key.CiphertextBytes / 2) + ExtraBytes)));
        RandomNumberGenerator.Fill(seeds.Span);
        NativeStatus.Check(
            NativeMethods.EncryptorCreateRerandomizer(
                key.Handle, seeds.Span, seeds.Span.Length, rows, windowBits, RandomnessTables.FillLaterFlag,
                out EncryptorHandle handle),
            "re-randomiser");
        return handle;
    }

    /// <summary>The key of the ciphertexts.</summary>
    public PaillierPublicKey Key => _tables.Key;

    /// <summary>Memory held by the tables, in bytes.</summary>
    public long TableBytes => _tables.Bytes;

    /// <summary>
    /// Windows for a key size, which is also the products for each ciphertext. As many bases: enough bits to choose
    /// from all residues, and enough bases that none of the small parts which the residues may be split into, one for
    /// each prime factor of n, is left out by all. Or, with a short order, the windows of one exponent.
    /// </summary>
    /// <param name="keyBits">Bits of n.</param>
    /// <param name="windowBits">Bits of randomness to a window.</param>
    /// <param name="order">The kind of key.</param>
    public static int Rows(int keyBits, int windowBits, KeyOrder order = KeyOrder.Full) => order == KeyOrder.Short
        ? RowsOf(Encryptor.ExponentBits(keyBits, RandomnessProfile.Standard, order), windowBits)
        : Math.Max(
            RowsOf(keyBits + (2 * StatisticalBits), windowBits),
            (keyBits / LeastFactorBits) + (2 * StatisticalBits));

    /// <summary>Multiplies ciphertexts by random n-th residues: same plaintexts, all else new.</summary>
    /// <param name="batch">Changed in place.</param>
    /// <param name="offset">First ciphertext changed.</param>
    /// <param name="count">Ciphertexts changed.</param>
    /// <param name="execution">Threads and cancellation; a cancelled range may be partly re-randomised.</param>
    public void Rerandomize(CiphertextBatch batch, int offset, int count, Execution execution = default) =>
        _tables.Rerandomize(batch, offset, count, execution);

    /// <summary>Re-randomises a whole batch.</summary>
    /// <param name="batch">Changed in place.</param>
    /// <param name="execution">Threads and cancellation, as for a range.</param>
    public void Rerandomize(CiphertextBatch batch, Execution execution = default)
    {
        ArgumentNullException.ThrowIfNull(batch);
        Rerandomize(batch, 0, batch.Count, execution);
    }

    /// <summary>Wipes and releases the tables.</summary>
    public void Dispose() => _tables.Dispose();

    private static int RowsOf(int bits, int windowBits) => (bits + windowBits - 1) / windowBits;
}
