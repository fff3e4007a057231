using System.Numerics;
using System.Runtime.InteropServices;
using Popcorn.Interop.Memory;
using Popcorn.Interop.Native;

namespace Popcorn.Interop;

/// <summary>Decrypts batches by CRT modulo p² and q². Thread-safe; holds nothing but its key.</summary>
public sealed unsafe class Decryptor
{
    /// <summary>Makes a decryptor, which takes nothing but the reference.</summary>
    /// <param name="key">The private key, which must outlive the decryptor.</param>
    public Decryptor(PaillierPrivateKey key)
    {
        ArgumentNullException.ThrowIfNull(key);
        Key = key;
    }

    /// <summary>The key that is decrypted with.</summary>
    public PaillierPrivateKey Key { get; }

    /// <summary>Decrypts to words.</summary>
    /// <param name="batch">Ciphertexts under the same key.</param>
    /// <param name="offset">First ciphertext read.</param>
    /// <param name="count">Ciphertexts read.</param>
    /// <param name="words">
    /// Receives <paramref name="count"/> numbers in [0, n) of <see cref="PaillierPublicKey.PlaintextWords"/>
    /// little-endian words; a negative plaintext shows as n - |m|.
    /// </param>
    /// <param name="execution">Threads and cancellation.</param>
    /// <exception cref="PaillierException">
    /// <see cref="PaillierError.Mismatch"/>: the batch has another key. <see cref="PaillierError.Subgroup"/>: the key
    /// is of short order, and a ciphertext is none of its own. All words are 0 then, and the time is what it would have
    /// been.
    /// </exception>
    public void Decrypt(
        CiphertextBatch batch, int offset, int count, Span<ulong> words, Execution execution = default)
    {
        ArgumentNullException.ThrowIfNull(batch);
        batch.CheckRange(offset, count);
        CiphertextBatch.CheckLength(words.Length, (long)count * Key.PublicKey.PlaintextWords, nameof(words));
        fixed (ulong* plaintexts = words)
        {
            int strangers = 0;
            var tile = new DecryptTile(Key, batch, offset, plaintexts, &strangers);
            Tiles.Run(tile, count, Key.PublicKey.Lanes, TileGrain.Heavy, execution);
            if (strangers != 0)
            {
                words.Clear();
                NativeStatus.Check(strangers, "decryption");
            }
        }
    }

    /// <summary>Decrypts a whole batch to words.</summary>
    /// <param name="batch">Ciphertexts under the same key.</param>
    /// <param name="words">Receives as many numbers, as for a range.</param>
    /// <param name="execution">Threads and cancellation.</param>
    /// <exception cref="PaillierException">As for a range.</exception>
    public void Decrypt(CiphertextBatch batch, Span<ulong> words, Execution execution = default)
    {
        ArgumentNullException.ThrowIfNull(batch);
        Decrypt(batch, 0, batch.Count, words, execution);
    }

    /// <summary>Decrypts a whole batch to signed numbers.</summary>
    /// <param name="batch">Ciphertexts under the same key.</param>
    /// <param name="execution">Threads and cancellation.</param>
    /// <returns>One number in (-n/2, n/2) per ciphertext.</returns>
    /// <exception cref="PaillierException">As for words.</exception>
    public BigInteger[] DecryptSigned(CiphertextBatch batch, Execution execution = default)
    {
        ArgumentNullException.ThrowIfNull(batch);
        BigInteger modulus = Key.PublicKey.Modulus;
        BigInteger half = modulus / 2;
        int bytesEach = Key.PublicKey.PlaintextWords * sizeof(ulong);
        SecretArray<byte> buffer = SecretArrayPool.Rent();
        try
        {
            Span<byte> bytes = buffer.Take(checked(batch.Count * bytesEach));
            Decrypt(batch, MemoryMarshal.Cast<byte, ulong>(bytes), execution);
            var values = new BigInteger[batch.Count];
            for (int i = 0; i < values.Length; i++)
            {
                BigInteger value = LittleEndian.ReadUnsigned(bytes.Slice(i * bytesEach, bytesEach));
                values[i] = value > half ? value - modulus : value;
            }

            return values;
        }
        finally
        {
            SecretArrayPool.Return(buffer);
        }
    }

    /// <summary>Notes in <paramref name="strangers"/> that a ciphertext was refused, and goes on.</summary>
    private readonly struct DecryptTile(
        PaillierPrivateKey key, CiphertextBatch batch, int offset, ulong* plaintexts, int* strangers) : ITile
    {
        public void Run(int start, int count)
        {
            long each = key.PublicKey.PlaintextWords;
            int status = NativeMethods.Decrypt(
                key.Handle, batch.Handle, offset + start, count, plaintexts + (start * each), count * each);
            if (status is 0 or (int)PaillierError.Subgroup)
            {
                Interlocked.Or(ref *strangers, status);
            }
            else
            {
                NativeStatus.Check(status, "decryption");
            }
        }
    }
}
