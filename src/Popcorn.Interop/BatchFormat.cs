using System.Buffers.Binary;
using System.Security.Cryptography;

namespace Popcorn.Interop;

/// <summary>
/// Batches at rest: "PCB1", whose last byte is the version, the modulus' bits and the number of ciphertexts as 32-bit
/// numbers, the key's fingerprint, the ciphertexts in standard form, SHA-256 of all before; everything little-endian.
/// </summary>
internal static class BatchFormat
{
    private const int BitsAt = 4;
    private const int CountAt = BitsAt + sizeof(int);
    private const int FingerprintAt = CountAt + sizeof(int);
    private const int CiphertextsAt = FingerprintAt + SHA256.HashSizeInBytes;

    // Enough to tell keys apart for a reader.
    private const int FingerprintBytesShown = 8;

    private static ReadOnlySpan<byte> Magic => "PCB1"u8;

    /// <summary>All bytes of a batch, with its header, to be filled and then sealed.</summary>
    internal static byte[] Start(PaillierPublicKey key, int count)
    {
        long length = LengthOf(key, count);
        if (length > Array.MaxLength)
        {
            throw new PaillierException(
                PaillierError.Length, $"{count} ciphertexts are {length} bytes; export some of them at a time.");
        }

        byte[] data = new byte[length];
        Magic.CopyTo(data);
        BinaryPrimitives.WriteInt32LittleEndian(data.AsSpan(BitsAt), key.Bits);
        BinaryPrimitives.WriteInt32LittleEndian(data.AsSpan(CountAt), count);
        key.Fingerprint.Span.CopyTo(data.AsSpan(FingerprintAt));
        return data;
    }

    /// <summary>Writes the hash of what is there.</summary>
    internal static void Seal(Span<byte> data) => SHA256.HashData(data[..HashAt(data)], data[HashAt(data)..]);

    /// <summary>Where the ciphertexts are in the bytes of a batch.</summary>
    internal static Range Ciphertexts(ReadOnlySpan<byte> data) => CiphertextsAt..HashAt(data);

    /// <summary>Checks all but the ciphertexts themselves.</summary>
    /// <returns>How many these are.</returns>
    internal static int Check(PaillierPublicKey key, ReadOnlySpan<byte> data)
    {
        if (!data.StartsWith(Magic))
        {
            throw Refused("this is not a batch of ciphertexts of version 1; write one with this version of Popcorn.");
        }

        if (data.Length < CiphertextsAt + SHA256.HashSizeInBytes)
        {
            throw Refused($"the batch has {data.Length} bytes, fewer than its header; copy the whole of it anew.");
        }

        int bits = BinaryPrimitives.ReadInt32LittleEndian(data[BitsAt..]);
        ReadOnlySpan<byte> fingerprint = data[FingerprintAt..CiphertextsAt];
        if (bits != key.Bits || !fingerprint.SequenceEqual(key.Fingerprint.Span))
        {
            throw new PaillierException(
                PaillierError.Mismatch,
                $"the batch belongs to the key of {bits} bits with fingerprint {Shown(fingerprint)}, not to that of "
                + $"{key.Bits} bits with {Shown(key.Fingerprint.Span)}; read it under the key it was made with.");
        }

        int count = BinaryPrimitives.ReadInt32LittleEndian(data[CountAt..]);
        if (count < 1 || data.Length != LengthOf(key, count))
        {
            throw Refused(
                $"the batch has {data.Length} bytes, which are not {count} ciphertexts; copy the whole of it anew.");
        }

        return SHA256.HashData(data[..HashAt(data)]).AsSpan().SequenceEqual(data[HashAt(data)..])
            ? count
            : throw Refused("the batch is damaged; copy the whole of it anew.");
    }

    private static long LengthOf(PaillierPublicKey key, int count) =>
        CiphertextsAt + ((long)count * key.CiphertextBytes) + SHA256.HashSizeInBytes;

    private static int HashAt(ReadOnlySpan<byte> data) => data.Length - SHA256.HashSizeInBytes;

    private static string Shown(ReadOnlySpan<byte> fingerprint) =>
        Convert.ToHexStringLower(fingerprint[..FingerprintBytesShown]);

    private static PaillierException Refused(string reason) => new(PaillierError.Ciphertext, reason);
}
