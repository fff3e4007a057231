using System.Buffers.Binary;

namespace Popcorn.Cli.Data;

/// <summary>The one entry of an EXIF block that changes what a picture looks like.</summary>
internal static class Exif
{
    /// <summary>The orientation of a picture whose first row is on top and whose first column is on the left.</summary>
    public const int Upright = 1;

    private const ushort OrientationTag = 0x112;
    private const ushort ShortType = 3;
    private const int HeaderBytes = 8;
    private const int EntryBytes = 12;

    /// <summary>How the camera was held, 1 to 8; a block that is damaged or says nothing leaves the picture as it is.
    /// </summary>
    /// <param name="tiff">The block, which is laid out as a TIFF file.</param>
    public static int Orientation(ReadOnlySpan<byte> tiff)
    {
        bool isLittleEndian = tiff.StartsWith("II*\0"u8);
        if (tiff.Length < HeaderBytes || !(isLittleEndian || tiff.StartsWith("MM\0*"u8)))
        {
            return Upright;
        }

        uint begin = isLittleEndian
            ? BinaryPrimitives.ReadUInt32LittleEndian(tiff[4..])
            : BinaryPrimitives.ReadUInt32BigEndian(tiff[4..]);
        if (begin > tiff.Length - 2)
        {
            return Upright;
        }

        ReadOnlySpan<byte> entries = tiff[(int)begin..];
        int count = Short(entries);
        entries = entries[2..];
        for (; count > 0 && entries.Length >= EntryBytes; count--)
        {
            if (Short(entries) == OrientationTag && Short(entries[2..]) == ShortType)
            {
                return Short(entries[8..]) is >= 1 and <= 8 and int orientation ? orientation : Upright;
            }

            entries = entries[EntryBytes..];
        }

        return Upright;

        int Short(ReadOnlySpan<byte> bytes) => isLittleEndian
            ? BinaryPrimitives.ReadUInt16LittleEndian(bytes)
            : BinaryPrimitives.ReadUInt16BigEndian(bytes);
    }
}
