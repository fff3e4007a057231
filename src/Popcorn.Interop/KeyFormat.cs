using System.Buffers.Binary;

namespace Popcorn.Interop;

/// <summary>
/// Keys at rest: four bytes of magic whose last is the version, the modulus' bits as a 32-bit number, then fixed-length
/// numbers; everything little-endian. Public, "PPK1": n, h. Private, "PSK1": p, q (half the bits each), h.
/// </summary>
internal static class KeyFormat
{
    internal const int HeaderBytes = 8;

    // Far above any key, low enough that no length computed from it overflows.
    private const int MaximumBits = 4096;

    internal static ReadOnlySpan<byte> PublicMagic => "PPK1"u8;

    internal static ReadOnlySpan<byte> PrivateMagic => "PSK1"u8;

    internal static int BytesOf(int bits) => (bits + 7) / 8;

    /// <summary>Primes of k bits make a modulus of 2k or 2k - 1.</summary>
    internal static int PrimeBytesOf(int bits) => BytesOf((bits + 1) / 2);

    internal static int PublicLength(int bits) => HeaderBytes + (2 * BytesOf(bits));

    internal static int PrivateLength(int bits) => HeaderBytes + (2 * PrimeBytesOf(bits)) + BytesOf(bits);

    internal static void WriteHeader(ReadOnlySpan<byte> magic, int bits, Span<byte> target)
    {
        magic.CopyTo(target);
        BinaryPrimitives.WriteInt32LittleEndian(target[magic.Length..], bits);
    }

    /// <summary>Reads and checks the header and the total length.</summary>
    /// <returns>Bits of the modulus.</returns>
    internal static int ReadHeader(
        ReadOnlySpan<byte> data, ReadOnlySpan<byte> magic, string kind, Func<int, int> lengthOf)
    {
        int bits = ReadBits(data, magic, kind);
        if (data.Length != lengthOf(bits))
        {
            throw new PaillierException(
                PaillierError.Key,
                $"the {kind} key has {data.Length} bytes where {lengthOf(bits)} are due; copy the whole of it anew.");
        }

        return bits;
    }

    /// <summary>Reads and checks the header alone.</summary>
    /// <returns>Bits of the modulus.</returns>
    internal static int ReadBits(ReadOnlySpan<byte> data, ReadOnlySpan<byte> magic, string kind)
    {
        if (data.Length < HeaderBytes || !data[..magic.Length].SequenceEqual(magic))
        {
            throw new PaillierException(
                PaillierError.Key, $"this is not a {kind} key of version 1; export one with this version of Popcorn.");
        }

        int bits = BinaryPrimitives.ReadInt32LittleEndian(data[magic.Length..]);
        return bits is >= 2 and <= MaximumBits
            ? bits
            : throw new PaillierException(
                PaillierError.Key, $"the {kind} key says it has {bits} bits; at most {MaximumBits} are supported.");
    }
}
