using System.Buffers.Binary;
using Popcorn.Engine;

namespace Popcorn.Cli.Data;

/// <summary>The header of a BMP file.</summary>
internal static class BmpFile
{
    private const int FileHeaderBytes = 14, OldHeaderBytes = 12, HeaderBytes = 40, NewestHeaderBytes = 124;

    /// <summary>Whether it begins as one. Two letters may begin a text, too, whose header would be very long.</summary>
    public static bool IsBmp(ReadOnlySpan<byte> bytes) =>
        bytes.StartsWith("BM"u8)
        && (bytes.Length < FileHeaderBytes + 4
            || BinaryPrimitives.ReadUInt32LittleEndian(bytes[FileHeaderBytes..]) <= NewestHeaderBytes);

    /// <summary>Checks that the file has all its rows: the decoder takes missing ones for black.</summary>
    /// <returns>Nothing: a BMP has no EXIF block.</returns>
    /// <exception cref="PopcornException">It is damaged, or larger than is read.</exception>
    public static ReadOnlySpan<byte> Check(ReadOnlySpan<byte> bytes, string path)
    {
        ReadOnlySpan<byte> header = bytes[Math.Min(FileHeaderBytes, bytes.Length)..];
        bool isOld = header.Length >= 4 && BinaryPrimitives.ReadInt32LittleEndian(header) == OldHeaderBytes;
        if (header.Length < (isOld ? OldHeaderBytes : HeaderBytes))
        {
            throw ImageSources.Damaged(path, "BMP", "its header is cut short");
        }

        // A negative height says that the first row is on top.
        (long width, long height, int bits) = isOld
            ? (Word(header, 4), Word(header, 6), Word(header, 10))
            : (BinaryPrimitives.ReadInt32LittleEndian(header[4..]),
                Math.Abs((long)BinaryPrimitives.ReadInt32LittleEndian(header[8..])), Word(header, 14));
        PictureReader.RequireSize(width, height, path);
        long begin = BinaryPrimitives.ReadUInt32LittleEndian(bytes[10..]);
        long rowBits = width * bits;
        if (begin + (height - 1) * ((rowBits + 31) / 32 * 4) + (rowBits + 7) / 8 > bytes.Length)
        {
            throw ImageSources.Damaged(path, "BMP", "it is cut short");
        }

        return [];
    }

    private static int Word(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadUInt16LittleEndian(bytes[at..]);
}
