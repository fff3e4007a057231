using System.Security.Cryptography;
using Popcorn.Interop.Native;

namespace Popcorn.Interop;

/// <summary>Tables that turn random bytes into encryptions of 0: what encryptors and re-randomisers share.</summary>
internal sealed unsafe class RandomnessTables : IDisposable
{
    /// <summary>PC_FLAG_FILL_LATER: how the tables given to the constructor are made.</summary>
    internal const int FillLaterFlag = 8;

    private readonly int _randomBytes;

    /// <summary>Fills tables.</summary>
    /// <param name="key">The key that they belong to.</param>
    /// <param name="handle">The tables; released if this fails.</param>
    /// <param name="execution">Threads and cancellation.</param>
    internal RandomnessTables(PaillierPublicKey key, EncryptorHandle handle, Execution execution = default)
    {
        Key = key;
        Handle = handle;
        try
        {
            NativeStatus.Check(NativeMethods.EncryptorParts(handle, out int parts), "encryptor");
            Tiles.Run(new FillTile(handle), parts, 1, TileGrain.Heavy, execution);
            NativeStatus.Check(NativeMethods.EncryptorRandomBytes(handle, out _randomBytes), "encryptor");
            NativeStatus.Check(NativeMethods.EncryptorTableBytes(handle, out long bytes), "encryptor");
            Bytes = bytes;
            handle.Weigh(bytes);
        }
        catch
        {
            handle.Dispose();
            throw;
        }
    }

    /// <summary>The key.</summary>
    internal PaillierPublicKey Key { get; }

    /// <summary>Memory of the tables.</summary>
    internal long Bytes { get; }

    internal EncryptorHandle Handle { get; }

    /// <summary>Fresh ciphertexts of plaintexts, or of 0 where that is null; the range was checked.</summary>
    internal void Encrypt(
        ulong* plaintexts, int wordsEach, CiphertextBatch target, int offset, int count, Execution execution)
    {
        var tile = new RandomizeTile(this, plaintexts, wordsEach, target, offset);
        Tiles.Run(tile, count, Key.Lanes, TileGrain.Heavy, execution);
    }

    /// <summary>Multiplies ciphertexts by fresh encryptions of 0.</summary>
    internal void Rerandomize(CiphertextBatch batch, int offset, int count, Execution execution)
    {
        ArgumentNullException.ThrowIfNull(batch);
        batch.CheckRange(offset, count);
        var tile = new RandomizeTile(this, null, 0, batch, offset, keep: true);
        Tiles.Run(tile, count, Key.Lanes, TileGrain.Heavy, execution);
    }

    public void Dispose() => Handle.Dispose();

    private readonly struct FillTile(EncryptorHandle encryptor) : ITile
    {
        public void Run(int start, int count) =>
            NativeStatus.Check(NativeMethods.EncryptorFill(encryptor, start, count), "encryptor");
    }

    /// <summary>Fresh ciphertexts of plaintexts (null: of 0), or where it is to keep them of those there.</summary>
    private readonly struct RandomizeTile(
        RandomnessTables tables, ulong* plaintexts, int wordsEach, CiphertextBatch target, int offset,
        bool keep = false)
        : ITile
    {
        public void Run(int start, int count)
        {
            SecretArray<byte> buffer = SecretArrayPool.Rent();
            try
            {
                Span<byte> random = buffer.Take(checked(count * tables._randomBytes));
                RandomNumberGenerator.Fill(random);
                fixed (byte* alpha = random)
                {
                    Randomize(alpha, random.Length, start, count);
                }
            }
            finally
            {
                SecretArrayPool.Return(buffer);
            }
        }

        private void Randomize(byte* alpha, int bytes, int start, int count)
        {
            int first = offset + start;
            if (keep)
            {
                NativeStatus.Check(
                    NativeMethods.Rerandomize(tables.Handle, alpha, bytes, target.Handle, first, count),
                    "re-randomisation");
                return;
            }

            ulong* words = plaintexts == null ? null : plaintexts + ((long)start * wordsEach);
            NativeStatus.Check(
                NativeMethods.Encrypt(tables.Handle, words, wordsEach, alpha, bytes, target.Handle, first, count),
                "encryption");
        }
    }
}
