using System.Buffers.Binary;
using System.IO.Compression;
using System.IO.Hashing;
using Popcorn.Engine;

namespace Popcorn.Cli.Data;

/// <summary>The chunks of a PNG file: what has to be right before its pixels are decoded.</summary>
internal static class PngFile
{
    private const int FrameBytes = 12;
    private const int HeaderBytes = 13;

    private static ReadOnlySpan<byte> Signature => [0x89, (byte)'P', (byte)'N', (byte)'G', 0x0d, 0x0a, 0x1a, 0x0a];

    public static bool IsPng(ReadOnlySpan<byte> bytes) => bytes.StartsWith(Signature);

    /// <summary>Checks that the file is whole and unpacks to no more than its size promises.</summary>
    /// <returns>The picture's EXIF block; empty without one.</returns>
    /// <exception cref="PopcornException">It is damaged, or larger than is read.</exception>
    public static ReadOnlySpan<byte> Check(ReadOnlySpan<byte> bytes, string path)
    {
        ReadOnlySpan<byte> header = [];
        ReadOnlySpan<byte> exif = [];
        using var packed = new MemoryStream();
        ReadOnlySpan<byte> type;
        ReadOnlySpan<byte> rest = bytes[Signature.Length..];
        do
        {
            uint length = rest.Length < FrameBytes ? uint.MaxValue : BinaryPrimitives.ReadUInt32BigEndian(rest);
            if (length > rest.Length - FrameBytes)
            {
                throw ImageSources.Damaged(path, "PNG", "it is cut short");
            }

            ReadOnlySpan<byte> body = rest.Slice(4, 4 + (int)length);
            rest = rest[(4 + body.Length)..];
            if (Crc32.HashToUInt32(body) != BinaryPrimitives.ReadUInt32BigEndian(rest))
            {
                throw ImageSources.Damaged(path, "PNG", "a checksum is wrong");
            }

            rest = rest[4..];
            type = body[..4];
            if (type.SequenceEqual("IHDR"u8) && header.IsEmpty)
            {
                header = body[4..];
            }
            else if (type.SequenceEqual("IDAT"u8))
            {
                packed.Write(body[4..]);
            }
            else if (type.SequenceEqual("eXIf"u8))
            {
                exif = body[4..];
            }
        }
        while (!type.SequenceEqual("IEND"u8));

        if (header.Length != HeaderBytes)
        {
            throw ImageSources.Damaged(path, "PNG", "its header is not valid");
        }

        long width = BinaryPrimitives.ReadUInt32BigEndian(header);
        long height = BinaryPrimitives.ReadUInt32BigEndian(header[4..]);
        PictureReader.RequireSize(width, height, path);
        packed.Position = 0;
        Unpack(packed, width * height, height, path);
        return exif;
    }

    /// <summary>The decoder would make room for all that comes out, however much that is.</summary>
    private static void Unpack(Stream packed, long pixels, long height, string path)
    {
        // Four samples of 16 bits, and a byte before each row: interlaced rows are at most twice as many, and seven.
        const int MaxPixelBytes = 8, MoreRows = 7;
        long most = MaxPixelBytes * (pixels + MoreRows) + 2 * (2 * height + MoreRows);
        var buffer = new byte[1 << 16];
        try
        {
            using var stream = new ZLibStream(packed, CompressionMode.Decompress);
            while (stream.Read(buffer) is > 0 and int count)
            {
                most -= count;
                if (most < 0)
                {
                    throw ImageSources.Damaged(path, "PNG", "it holds more pixels than its size");
                }
            }
        }
        catch (Exception e) when (e is InvalidDataException or IOException)
        {
            throw new PopcornException(
                ImageSources.Damaged(path, "PNG", "its pixels cannot be unpacked").Message, e);
        }
    }
}
