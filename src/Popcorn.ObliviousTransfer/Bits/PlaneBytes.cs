using System.Runtime.InteropServices;
using Popcorn.ObliviousTransfer.Flows;

namespace Popcorn.ObliviousTransfer.Bits;

/// <summary>
/// Planes as a message carries them: one after the other, each padded with zeros to whole bytes, the first item in the
/// least significant bit.
/// </summary>
internal static class PlaneBytes
{
    /// <summary>Bytes of a plane.</summary>
    /// <param name="items">Its items.</param>
    public static int BytesOfPlane(int items) => (int)(((long)items + 7) / 8);

    /// <summary>Writes planes.</summary>
    /// <param name="planes">What to write.</param>
    /// <param name="message">Filled; as long as they need.</param>
    public static void Write(BitPlanes planes, Span<byte> message)
    {
        int bytes = BytesOfPlane(planes.Items);
        byte used = UsedBits(planes.Items);
        ArgumentOutOfRangeException.ThrowIfNotEqual(message.Length, planes.Count * bytes, nameof(message));
        for (int plane = 0; plane < planes.Count; plane++)
        {
            Span<byte> to = message.Slice(plane * bytes, bytes);
            MemoryMarshal.AsBytes(planes[plane])[..bytes].CopyTo(to);
            to[^1] &= used;
        }
    }

    /// <summary>Reads planes.</summary>
    /// <param name="message">As long as they need.</param>
    /// <param name="planes">Filled.</param>
    /// <exception cref="TransferException">The padding is not zero.</exception>
    public static void Read(ReadOnlySpan<byte> message, BitPlanes planes)
    {
        int bytes = BytesOfPlane(planes.Items);
        ArgumentOutOfRangeException.ThrowIfNotEqual(message.Length, planes.Count * bytes, nameof(message));
        int padding = 0;
        for (int plane = 0; plane < planes.Count; plane++)
        {
            ReadOnlySpan<byte> from = message.Slice(plane * bytes, bytes);
            from.CopyTo(MemoryMarshal.AsBytes(planes[plane]));
            padding |= from[^1];
        }

        if ((padding & ~UsedBits(planes.Items)) != 0)
        {
            throw new TransferException("the padding of a message's bits is not zero");
        }
    }

    private static byte UsedBits(int items) => (byte)(0xFF >> (-items & 7));
}
