using Popcorn.Interop.Native;

namespace Popcorn.Interop;

/// <summary>
/// A row of Paillier ciphertexts in one aligned native allocation, in the kernel's own form. New batches hold trivial
/// encryptions of 0 (the number 1). Many threads may read a batch, and several may write it where their ranges do not
/// meet.
/// </summary>
public sealed unsafe class CiphertextBatch : IDisposable
{
    private readonly CiphertextBatchPool? _pool;
    private BatchHandle? _handle;

    /// <summary>Allocates a batch.</summary>
    /// <param name="key">The key of all its ciphertexts; it may be disposed before the batch.</param>
    /// <param name="count">Ciphertexts, 1 to 2²⁴.</param>
    /// <exception cref="PaillierException">
    /// <see cref="PaillierError.Memory"/>, or <see cref="PaillierError.Length"/> for too many.
    /// </exception>
    public CiphertextBatch(PaillierPublicKey key, int count)
        : this(key, count, Allocate(key, count), pool: null)
    {
    }

    internal CiphertextBatch(PaillierPublicKey key, int count, BatchHandle handle, CiphertextBatchPool? pool)
    {
        Key = key;
        Count = count;
        _handle = handle;
        _pool = pool;
    }

    /// <summary>The key of all ciphertexts here.</summary>
    public PaillierPublicKey Key { get; }

    /// <summary>How many ciphertexts.</summary>
    public int Count { get; }

    internal BatchHandle Handle => _handle ?? throw new ObjectDisposedException(nameof(CiphertextBatch));

    /// <summary>Some of these ciphertexts, as an operand or target.</summary>
    /// <param name="first">The first of them.</param>
    /// <param name="count">How many.</param>
    public CiphertextRange Range(int first, int count) => new(this, first, count);

    /// <summary>Reads ciphertexts in standard form into this batch.</summary>
    /// <param name="bytes">
    /// <paramref name="count"/> little-endian numbers of <see cref="PaillierPublicKey.CiphertextBytes"/> bytes; they
    /// may come from anybody.
    /// </param>
    /// <param name="offset">First ciphertext written.</param>
    /// <param name="count">Ciphertexts written.</param>
    /// <param name="execution">Threads and cancellation.</param>
    /// <exception cref="PaillierException">
    /// <see cref="PaillierError.Ciphertext"/>: one is 0, not below n² or shares a factor with n. The range may then be
    /// partly written, with valid ciphertexts only.
    /// </exception>
    public void Import(ReadOnlySpan<byte> bytes, int offset, int count, Execution execution = default)
    {
        CheckRange(offset, count);
        CheckLength(bytes.Length, (long)count * Key.CiphertextBytes, nameof(bytes));
        fixed (byte* source = bytes)
        {
            Tiles.Run(new ImportTile(this, source, offset), count, Key.Lanes, TileGrain.Light, execution);
        }
    }

    /// <summary>Reads a whole batch of ciphertexts in standard form.</summary>
    /// <param name="bytes"><see cref="Count"/> numbers, as for a range.</param>
    /// <param name="execution">Threads and cancellation.</param>
    /// <exception cref="PaillierException">As for a range.</exception>
    public void Import(ReadOnlySpan<byte> bytes, Execution execution = default) => Import(bytes, 0, Count, execution);

    /// <summary>Writes ciphertexts in standard form.</summary>
    /// <param name="offset">First ciphertext read.</param>
    /// <param name="count">Ciphertexts read.</param>
    /// <param name="bytes">
    /// Receives <paramref name="count"/> little-endian numbers of <see cref="PaillierPublicKey.CiphertextBytes"/>
    /// bytes.
    /// </param>
    /// <param name="execution">Threads and cancellation.</param>
    public void Export(int offset, int count, Span<byte> bytes, Execution execution = default)
    {
        CheckRange(offset, count);
        CheckLength(bytes.Length, (long)count * Key.CiphertextBytes, nameof(bytes));
        fixed (byte* target = bytes)
        {
            Tiles.Run(new ExportTile(this, target, offset), count, Key.Lanes, TileGrain.Light, execution);
        }
    }

    /// <summary>Writes the whole batch in standard form.</summary>
    /// <param name="bytes">Receives <see cref="Count"/> numbers, as for a range.</param>
    /// <param name="execution">Threads and cancellation.</param>
    public void Export(Span<byte> bytes, Execution execution = default) => Export(0, Count, bytes, execution);

    /// <summary>
    /// The batch as bytes for a file or another process: "PCB1", the key's bits, the number of ciphertexts, the key's
    /// fingerprint, the ciphertexts in standard form, and the SHA-256 of all that; numbers are little-endian. The hash
    /// shows damage, not forgery. Results of an <see cref="Evaluator"/> are re-randomised first.
    /// </summary>
    /// <param name="execution">Threads and cancellation.</param>
    /// <exception cref="PaillierException">
    /// <see cref="PaillierError.Length"/>: no array is so long; export some of them at a time.
    /// </exception>
    public byte[] ToBytes(Execution execution = default)
    {
        byte[] data = BatchFormat.Start(Key, Count);
        Export(data.AsSpan(BatchFormat.Ciphertexts(data)), execution);
        BatchFormat.Seal(data);
        return data;
    }

    /// <summary>Reads what <see cref="ToBytes"/> wrote, and checks all of it before there is a batch.</summary>
    /// <param name="key">The key of the ciphertexts; it may be disposed before the batch.</param>
    /// <param name="data">Exactly the bytes written; they may come from anybody.</param>
    /// <param name="execution">Threads and cancellation.</param>
    /// <exception cref="PaillierException">
    /// <see cref="PaillierError.Ciphertext"/>: another format or version, a wrong length, damage, or a number that is
    /// no ciphertext. <see cref="PaillierError.Mismatch"/>: the batch has another key.
    /// <see cref="PaillierError.Memory"/>.
    /// </exception>
    public static CiphertextBatch FromBytes(
        PaillierPublicKey key, ReadOnlySpan<byte> data, Execution execution = default)
    {
        ArgumentNullException.ThrowIfNull(key);
        var batch = new CiphertextBatch(key, BatchFormat.Check(key, data));
        try
        {
            batch.Import(data[BatchFormat.Ciphertexts(data)], execution);
            return batch;
        }
        catch
        {
            batch.Dispose();
            throw;
        }
    }

    /// <summary>Copies ciphertexts: <c>this[offset + i] = source[indices[i]]</c>.</summary>
    /// <param name="source">Another batch, or this one where what is read is not what is written.</param>
    /// <param name="indices">Ciphertexts of <paramref name="source"/>, in any order and repeated at will.</param>
    /// <param name="offset">First ciphertext written.</param>
    public void Gather(CiphertextBatch source, ReadOnlySpan<int> indices, int offset = 0)
    {
        ArgumentNullException.ThrowIfNull(source);
        CheckRange(offset, indices.Length);
        fixed (int* index = indices)
        {
            // One call: copying is bound by memory, which threads would not speed up by much.
            if (!indices.IsEmpty)
            {
                NativeStatus.Check(
                    NativeMethods.Gather(source.Handle, index, Handle, offset, indices.Length),
                    "gathering ciphertexts");
            }
        }
    }

    /// <summary>Releases the ciphertexts, or gives them back to the pool they were rented from.</summary>
    public void Dispose()
    {
        BatchHandle? handle = Interlocked.Exchange(ref _handle, null);
        if (handle is null)
        {
            return;
        }

        if (_pool is null)
        {
            handle.Dispose();
        }
        else
        {
            _pool.Return(handle, Count);
        }
    }

    /// <summary>For what an operation computes on its way: under the batch's key, which may be disposed.</summary>
    internal CiphertextBatch Scratch(int count) =>
        new(Key, count, Allocate(Key.SharedHandle, Key, count), pool: null);

    internal static BatchHandle Allocate(PaillierPublicKey key, int count)
    {
        ArgumentNullException.ThrowIfNull(key);
        return Allocate(key.Handle, key, count);
    }

    private static BatchHandle Allocate(PublicKeyHandle shared, PaillierPublicKey key, int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(count);
        NativeStatus.Check(NativeMethods.BatchCreate(shared, count, out BatchHandle handle), "ciphertext batch");
        handle.Weigh((long)count * key.NumberBytes);
        return handle;
    }

    /// <summary>Refuses a range that is not within this batch.</summary>
    internal void CheckRange(int offset, int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        if (count > Count - offset)
        {
            throw new ArgumentOutOfRangeException(
                nameof(count), $"The range {offset} + {count} ends beyond the batch's {Count} ciphertexts.");
        }
    }

    /// <summary>Refuses a buffer whose length is not what a range asks for.</summary>
    internal static void CheckLength(int length, long expected, string name)
    {
        if (length != expected)
        {
            throw new ArgumentException($"The buffer has length {length} where {expected} is due.", name);
        }
    }

    private readonly struct ImportTile(CiphertextBatch batch, byte* bytes, int offset) : ITile
    {
        public void Run(int start, int count)
        {
            long each = batch.Key.CiphertextBytes;
            NativeStatus.Check(
                NativeMethods.Import(bytes + (start * each), count * each, batch.Handle, offset + start, count),
                "importing ciphertexts");
        }
    }

    private readonly struct ExportTile(CiphertextBatch batch, byte* bytes, int offset) : ITile
    {
        public void Run(int start, int count)
        {
            long each = batch.Key.CiphertextBytes;
            NativeStatus.Check(
                NativeMethods.Export(batch.Handle, offset + start, count, bytes + (start * each), count * each),
                "exporting ciphertexts");
        }
    }
}
