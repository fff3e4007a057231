using System.Numerics;
using System.Runtime.InteropServices;
using Popcorn.Interop.Native;

namespace Popcorn.Interop;

/// <summary>
/// Encrypts and re-randomises by fixed-base tables of h_s, with fresh randomness from the operating system for every
/// ciphertext. Immutable and thread-safe; building the tables takes a while, so keep the object.
/// </summary>
public sealed unsafe class Encryptor : IDisposable
{
    // PC_FLAG_CONSTANT_TIME
    private const int ConstantTimeFlag = 4;

    // Exponents this many bits longer than an order hide up to 2 to the minus these bits.
    internal const int HidingBits = 64;

    private readonly RandomnessTables _tables;

    /// <summary>For anybody: works modulo n².</summary>
    /// <param name="key">The public key; it may be disposed before the encryptor.</param>
    /// <param name="options">Exponent length and table size.</param>
    /// <exception cref="PaillierException">No memory, or a window out of range.</exception>
    public Encryptor(PaillierPublicKey key, EncryptorOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(key);
        _tables = Create(key, owner: null, options ?? new EncryptorOptions());
    }

    /// <summary>For the key's owner: works modulo p² and q² and joins by CRT. Its tables are secret.</summary>
    /// <param name="owner">The private key; it may be disposed before the encryptor.</param>
    /// <param name="options">Exponent length and table size.</param>
    /// <exception cref="PaillierException">No memory, or a window out of range.</exception>
    public Encryptor(PaillierPrivateKey owner, EncryptorOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(owner);
        _tables = Create(owner.PublicKey, owner, options ?? new EncryptorOptions());
    }

    /// <summary>The key that is encrypted under.</summary>
    public PaillierPublicKey Key => _tables.Key;

    /// <summary>Memory held by the tables, in bytes.</summary>
    public long TableBytes => _tables.Bytes;

    internal EncryptorHandle Handle => _tables.Handle;

    /// <summary>Encrypts signed numbers: <c>target[offset + i] = [values[i]]</c>.</summary>
    /// <param name="values">Plaintexts; with test-size keys |value| must be below n.</param>
    /// <param name="target">Receives the ciphertexts.</param>
    /// <param name="offset">First ciphertext written.</param>
    /// <param name="execution">Threads and cancellation.</param>
    public void Encrypt(
        ReadOnlySpan<long> values, CiphertextBatch target, int offset = 0, Execution execution = default) =>
        Encrypt(MemoryMarshal.Cast<long, ulong>(values), 1, target, offset, values.Length, execution);

    /// <summary>Encrypts signed numbers of several words: <c>target[offset + i] = [words of i]</c>.</summary>
    /// <param name="words">
    /// <paramref name="count"/> numbers of <paramref name="wordsEach"/> little-endian words, two's complement, of
    /// magnitude below n. Negative ones become n - |m|.
    /// </param>
    /// <param name="wordsEach">Words of one number, 1 or more.</param>
    /// <param name="target">Receives the ciphertexts.</param>
    /// <param name="offset">First ciphertext written.</param>
    /// <param name="count">Ciphertexts written.</param>
    /// <param name="execution">Threads and cancellation.</param>
    /// <exception cref="PaillierException">
    /// <see cref="PaillierError.Range"/>: a number is n or more in magnitude. <see cref="PaillierError.Mismatch"/>: the
    /// batch has another key.
    /// </exception>
    public void Encrypt(
        ReadOnlySpan<ulong> words, int wordsEach, CiphertextBatch target, int offset, int count,
        Execution execution = default)
    {
        ArgumentNullException.ThrowIfNull(target);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(wordsEach);
        target.CheckRange(offset, count);
        CiphertextBatch.CheckLength(words.Length, (long)count * wordsEach, nameof(words));
        fixed (ulong* plaintexts = words)
        {
            // Pinned for the whole operation: a span cannot travel to other threads, a pointer can.
            _tables.Encrypt(plaintexts, wordsEach, target, offset, count, execution);
        }
    }

    /// <summary>Encrypts signed numbers of any size: convenient, but copies them.</summary>
    /// <param name="values">Plaintexts, |value| below n.</param>
    /// <param name="target">Receives the ciphertexts.</param>
    /// <param name="offset">First ciphertext written.</param>
    /// <param name="execution">Threads and cancellation.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number does not fit in the key's words.</exception>
    /// <exception cref="PaillierException">As for words.</exception>
    public void Encrypt(
        ReadOnlySpan<BigInteger> values, CiphertextBatch target, int offset = 0, Execution execution = default)
    {
        ArgumentNullException.ThrowIfNull(target);
        using var numbers = new SignedNumbers(values.Length, Key);
        numbers.Write(values);
        Encrypt(numbers.Words, numbers.WordsEach, target, offset, values.Length, execution);
    }

    /// <summary>Encrypts signed numbers into a new batch, which the caller disposes.</summary>
    /// <param name="values">Plaintexts, at least one; with test-size keys |value| must be below n.</param>
    /// <param name="execution">Threads and cancellation.</param>
    /// <returns>As many ciphertexts.</returns>
    /// <exception cref="PaillierException">See <see cref="CiphertextBatch(PaillierPublicKey, int)"/>.</exception>
    public CiphertextBatch Encrypt(ReadOnlySpan<long> values, Execution execution = default)
    {
        var batch = new CiphertextBatch(Key, values.Length);
        try
        {
            Encrypt(values, batch, 0, execution);
            return batch;
        }
        catch
        {
            batch.Dispose();
            throw;
        }
    }

    /// <summary>Encrypts signed numbers of any size into a new batch, which the caller disposes.</summary>
    /// <param name="values">Plaintexts, at least one, |value| below n.</param>
    /// <param name="execution">Threads and cancellation.</param>
    /// <returns>As many ciphertexts.</returns>
    /// <exception cref="ArgumentOutOfRangeException">A number does not fit in the key's words.</exception>
    /// <exception cref="PaillierException">As for words.</exception>
    public CiphertextBatch Encrypt(ReadOnlySpan<BigInteger> values, Execution execution = default)
    {
        using var numbers = new SignedNumbers(values.Length, Key);
        numbers.Write(values);
        var batch = new CiphertextBatch(Key, values.Length);
        try
        {
            Encrypt(numbers.Words, numbers.WordsEach, batch, 0, values.Length, execution);
            return batch;
        }
        catch
        {
            batch.Dispose();
            throw;
        }
    }

    /// <summary>Fills a whole batch with fresh encryptions of 0.</summary>
    /// <param name="target">Receives the ciphertexts.</param>
    /// <param name="execution">Threads and cancellation.</param>
    public void EncryptZero(CiphertextBatch target, Execution execution = default)
    {
        ArgumentNullException.ThrowIfNull(target);
        EncryptZero(target, 0, target.Count, execution);
    }

    /// <summary>Writes fresh encryptions of 0.</summary>
    /// <param name="target">Receives the ciphertexts.</param>
    /// <param name="offset">First ciphertext written.</param>
    /// <param name="count">Ciphertexts written.</param>
    /// <param name="execution">Threads and cancellation.</param>
    public void EncryptZero(CiphertextBatch target, int offset, int count, Execution execution = default)
    {
        ArgumentNullException.ThrowIfNull(target);
        target.CheckRange(offset, count);
        _tables.Encrypt(null, 0, target, offset, count, execution);
    }

    /// <summary>
    /// Multiplies ciphertexts by fresh encryptions of 0: same plaintexts, other ciphertexts. Nobody sees that they are
    /// the same but the key's owner, who may: see <see cref="Rerandomizer"/>.
    /// </summary>
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

    /// <summary>Releases the tables, wiping them if they are secret.</summary>
    public void Dispose() => _tables.Dispose();

    /// <summary>Bits of the random exponent α of anybody's encryptor.</summary>
    /// <param name="keyBits">Bits of n.</param>
    /// <param name="profile">Of no account with a short order, which has a length of its own.</param>
    /// <param name="order">
    /// The kind of key. With a short order α is 64 bits longer than the order of h_s, and its powers of h_s are within
    /// 2⁻⁶⁴ of uniform.
    /// </param>
    public static int ExponentBits(int keyBits, RandomnessProfile profile, KeyOrder order = KeyOrder.Full)
    {
        if (order == KeyOrder.Short)
        {
            return (2 * KeyFormat.OrderBitsOf(keyBits)) + HidingBits;
        }

        int standard = (keyBits + 1) / 2;
        return profile switch
        {
            RandomnessProfile.Standard => standard,
            RandomnessProfile.ShortExponent => Math.Min(standard, keyBits <= 2048 ? 448 : keyBits <= 3072 ? 512 : 640),
            _ => throw new ArgumentOutOfRangeException(nameof(profile), profile, "No such randomness profile."),
        };
    }

    /// <summary>
    /// Bits of the random exponents of the owner's encryptor, which has a table of as many for each prime: as for
    /// anybody, but with a short order exponents below u_p and u_q.
    /// </summary>
    /// <param name="keyBits">Bits of n.</param>
    /// <param name="profile">Of no account with a short order.</param>
    /// <param name="order">The kind of key.</param>
    public static int OwnerExponentBits(int keyBits, RandomnessProfile profile, KeyOrder order = KeyOrder.Full) =>
        order == KeyOrder.Short ? KeyFormat.OrderBitsOf(keyBits) : ExponentBits(keyBits, profile);

    private static RandomnessTables Create(PaillierPublicKey key, PaillierPrivateKey? owner, EncryptorOptions options)
    {
        int bits = owner is null
            ? ExponentBits(key.Bits, options.Profile, key.Order)
            : OwnerExponentBits(key.Bits, options.Profile, key.Order);
        int flags = RandomnessTables.FillLaterFlag | (options.ConstantTime ? ConstantTimeFlag : 0);
        int status = owner is null
            ? NativeMethods.EncryptorCreatePublic(key.Handle, bits, options.Window, flags, out EncryptorHandle handle)
            : NativeMethods.EncryptorCreateOwner(owner.Handle, bits, options.Window, flags, out handle);
        NativeStatus.Check(status, "encryptor");
        return new RandomnessTables(key, handle);
    }
}
