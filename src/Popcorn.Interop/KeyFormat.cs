using System.Buffers.Binary;

namespace Popcorn.Interop;

/// <summary>
/// Keys at rest: four bytes of magic whose last is the version, the modulus' bits as a 32-bit number, then fixed-length
/// numbers; everything little-endian. Public, "PPK1": n, h. Private, "PSK1": p, q (half the bits each), h. Of short
/// order, "PPS1": n, h; "PSS1": p, q, u_p, u_q (<see cref="OrderBitsOf"/>), h.
/// </summary>
internal static class KeyFormat
{
    internal const int HeaderBytes = 8;

    // Far above any key, low enough that no length computed from it overflows.
    private const int MaximumBits = 4096;

    // PC_SHORT_ORDER_BITS, and where keys are too short for that.
    private const int LongestOrder = 256;
    private const int ShortestOrder = 3;

    internal static int BytesOf(int bits) => (bits + 7) / 8;

    /// <summary>Bits of the primes of a key.</summary>
    internal static int PrimeBitsOf(int bits) => (bits + 1) / 2;

    /// <summary>Primes of k bits make a modulus of 2k or 2k - 1.</summary>
    internal static int PrimeBytesOf(int bits) => BytesOf(PrimeBitsOf(bits));

    /// <summary>Bits of the orders u_p and u_q of a short-order key.</summary>
    internal static int OrderBitsOf(int bits) => Math.Clamp(PrimeBitsOf(bits) / 4, ShortestOrder, LongestOrder);

    /// <summary>Bytes of u_p and of u_q; 0 in a key of full order, which has none.</summary>
    internal static int OrderBytesOf(int bits, KeyOrder order) =>
        order == KeyOrder.Short ? BytesOf(OrderBitsOf(bits)) : 0;

    internal static int PublicLength(int bits) => HeaderBytes + (2 * BytesOf(bits));

    internal static int PrivateLength(int bits, KeyOrder order) =>
        HeaderBytes + (2 * PrimeBytesOf(bits)) + (2 * OrderBytesOf(bits, order)) + BytesOf(bits);

    internal static ReadOnlySpan<byte> Magic(bool isPrivate, KeyOrder order) => (isPrivate, order) switch
    {
        (false, KeyOrder.Full) => "PPK1"u8,
        (true, KeyOrder.Full) => "PSK1"u8,
        (false, KeyOrder.Short) => "PPS1"u8,
        (true, KeyOrder.Short) => "PSS1"u8,
        _ => throw new ArgumentOutOfRangeException(nameof(order), order, "No such order of keys."),
    };

    internal static void WriteHeader(bool isPrivate, KeyOrder order, int bits, Span<byte> target)
    {
        ReadOnlySpan<byte> magic = Magic(isPrivate, order);
        magic.CopyTo(target);
        BinaryPrimitives.WriteInt32LittleEndian(target[magic.Length..], bits);
    }

    /// <summary>Reads and checks the header and the total length of a key of the one kind that is accepted.</summary>
    /// <returns>Bits of the modulus.</returns>
    internal static int ReadHeader(ReadOnlySpan<byte> data, bool isPrivate, KeyOrder accepted)
    {
        (int bits, KeyOrder order) = ReadStart(data, isPrivate);
        string kind = KindOf(isPrivate);
        if (order != accepted)
        {
            throw new PaillierException(
                PaillierError.Key,
                $"the {kind} key is one of {NameOf(order)} order, and only {NameOf(accepted)} order is accepted here; "
                + "send another, or accept these (KeyOptions.Order).");
        }

        int length = isPrivate ? PrivateLength(bits, order) : PublicLength(bits);
        if (data.Length != length)
        {
            throw new PaillierException(
                PaillierError.Key,
                $"the {kind} key has {data.Length} bytes where {length} are due; copy the whole of it anew.");
        }

        return bits;
    }

    /// <summary>Reads and checks the header alone.</summary>
    /// <returns>Bits of the modulus, and the kind.</returns>
    internal static (int Bits, KeyOrder Order) ReadStart(ReadOnlySpan<byte> data, bool isPrivate)
    {
        string kind = KindOf(isPrivate);
        KeyOrder order = data.StartsWith(Magic(isPrivate, KeyOrder.Short)) ? KeyOrder.Short : KeyOrder.Full;
        ReadOnlySpan<byte> magic = Magic(isPrivate, order);
        if (data.Length < HeaderBytes || !data.StartsWith(magic))
        {
            throw new PaillierException(
                PaillierError.Key, $"this is not a {kind} key of version 1; export one with this version of Popcorn.");
        }

        int bits = BinaryPrimitives.ReadInt32LittleEndian(data[magic.Length..]);
        return bits is >= 2 and <= MaximumBits
            ? (bits, order)
            : throw new PaillierException(
                PaillierError.Key, $"the {kind} key says it has {bits} bits; at most {MaximumBits} are supported.");
    }

    private static string KindOf(bool isPrivate) => isPrivate ? "private" : "public";

    private static string NameOf(KeyOrder order) => order == KeyOrder.Short ? "short" : "full";
}
