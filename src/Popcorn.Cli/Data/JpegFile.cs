using System.Buffers.Binary;
using Popcorn.Engine;

namespace Popcorn.Cli.Data;

/// <summary>The segments of a JPEG file.</summary>
internal static class JpegFile
{
    private const byte Mark = 0xff, StartOfScan = 0xda, EndOfImage = 0xd9, Application1 = 0xe1;

    // Three marks between those of frames say something else.
    private const byte FirstFrame = 0xc0, LastFrame = 0xcf, HuffmanTables = 0xc4, Extension = 0xc8, Conditioning = 0xcc;
    private const int FrameBytes = 6;

    private static ReadOnlySpan<byte> ExifName => "Exif\0\0"u8;

    public static bool IsJpeg(ReadOnlySpan<byte> bytes) => bytes is [0xff, 0xd8, 0xff, ..];

    /// <summary>Checks that the file goes on to its end: the decoder paints what is missing gray.</summary>
    /// <returns>The picture's EXIF block; empty without one.</returns>
    /// <exception cref="PopcornException">It is damaged, or larger than is read.</exception>
    public static ReadOnlySpan<byte> Check(ReadOnlySpan<byte> bytes, string path)
    {
        ReadOnlySpan<byte> exif = [];
        bool hasFrame = false;
        ReadOnlySpan<byte> rest = bytes[2..];
        while (rest is [Mark, byte marker, _, _, ..])
        {
            int length = BinaryPrimitives.ReadUInt16BigEndian(rest[2..]);
            if (marker == Mark)
            {
                rest = rest[1..]; // Markers may be padded.
                continue;
            }

            // Nothing in a scan looks like this mark, but a thumbnail before it has one of its own.
            if (marker == StartOfScan && hasFrame && rest.IndexOf([Mark, EndOfImage]) >= 0)
            {
                return exif;
            }

            if (marker == StartOfScan || length < 2 || length > rest.Length - 2)
            {
                break;
            }

            ReadOnlySpan<byte> content = rest[4..(2 + length)];
            if (marker is >= FirstFrame and <= LastFrame and not (HuffmanTables or Extension or Conditioning)
                && content.Length >= FrameBytes)
            {
                hasFrame = true;
                PictureReader.RequireSize(
                    BinaryPrimitives.ReadUInt16BigEndian(content[3..]),
                    BinaryPrimitives.ReadUInt16BigEndian(content[1..]),
                    path);
            }
            else if (marker == Application1 && content.StartsWith(ExifName))
            {
                exif = content[ExifName.Length..];
            }

            rest = rest[(2 + length)..];
        }

        throw ImageSources.Damaged(path, "JPEG", "it is cut short");
    }
}
