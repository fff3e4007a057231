using System.Buffers.Binary;
using System.IO.Compression;
using Popcorn.Engine;
using Popcorn.Engine.Model;

namespace Popcorn.Cli.Data;

/// <summary>
/// A minimal PNG reader: gray, RGB and palette images, with or without alpha (which is dropped), 1 to 16 bits a sample
/// (16 are cut to 8), interlaced or not. Checksums of all chunks are verified.
/// </summary>
internal static class PngReader
{
    private const int MaxSide = 1 << 14;

    /// <summary>Seven passes of interlacing: first column, first row, column step, row step.</summary>
    private static readonly (int X, int Y, int StepX, int StepY)[] Passes =
        [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)];

    private static ReadOnlySpan<byte> Signature => [0x89, (byte)'P', (byte)'N', (byte)'G', 0x0d, 0x0a, 0x1a, 0x0a];

    public static bool IsPng(ReadOnlySpan<byte> bytes) => bytes.StartsWith(Signature);

    /// <summary>Reads an image of one (gray) or three (RGB) channels, 0…255.</summary>
    public static Image Read(ReadOnlySpan<byte> bytes, string path)
    {
        if (!IsPng(bytes))
        {
            throw new PopcornException($"'{path}' is no PNG file. Convert it to PNG.");
        }

        Header? header = null;
        byte[] palette = [];
        using var data = new MemoryStream();
        ReadOnlySpan<byte> rest = bytes[Signature.Length..];
        while (true)
        {
            ReadOnlySpan<byte> type = NextChunk(ref rest, path, out ReadOnlySpan<byte> content);
            if (type.SequenceEqual("IHDR"u8))
            {
                header = Header.Parse(content, path);
            }
            else if (type.SequenceEqual("PLTE"u8))
            {
                palette = content.ToArray();
            }
            else if (type.SequenceEqual("IDAT"u8))
            {
                data.Write(content);
            }
            else if (type.SequenceEqual("IEND"u8))
            {
                break;
            }
        }

        if (header is null)
        {
            throw ImageSources.Damaged(path, "it has no header");
        }

        data.Position = 0;
        return Decode(header, palette, data, path);
    }

    private static ReadOnlySpan<byte> NextChunk(
        ref ReadOnlySpan<byte> rest, string path, out ReadOnlySpan<byte> content)
    {
        const int Frame = 12;
        if (rest.Length < Frame)
        {
            throw ImageSources.Damaged(path, "it is cut short");
        }

        uint length = BinaryPrimitives.ReadUInt32BigEndian(rest);
        if (length > rest.Length - Frame)
        {
            throw ImageSources.Damaged(path, "it is cut short");
        }

        int size = (int)length;
        content = rest.Slice(8, size);
        if (Crc32(rest.Slice(4, 4 + size)) != BinaryPrimitives.ReadUInt32BigEndian(rest[(8 + size)..]))
        {
            throw ImageSources.Damaged(path, "a checksum is wrong");
        }

        ReadOnlySpan<byte> type = rest.Slice(4, 4);
        rest = rest[(Frame + size)..];
        return type;
    }

    private static Image Decode(Header header, byte[] palette, Stream compressed, string path)
    {
        var shape = new Shape(header.IsGray ? 1 : 3, header.Height, header.Width);
        if (!shape.IsValid)
        {
            throw new PopcornException($"'{path}' is {header.Width}x{header.Height} pixels, more than is read.");
        }

        var image = new Image(shape, new int[shape.Size]);
        using var stream = new ZLibStream(compressed, CompressionMode.Decompress);
        try
        {
            if (header.Interlaced)
            {
                foreach ((int x, int y, int stepX, int stepY) in Passes)
                {
                    DecodePass(header, palette, stream, image, (x, y, stepX, stepY), path);
                }
            }
            else
            {
                DecodePass(header, palette, stream, image, (0, 0, 1, 1), path);
            }
        }
        catch (Exception e) when (e is InvalidDataException or EndOfStreamException)
        {
            throw new PopcornException(
                $"'{path}' is damaged: its pixels cannot be unpacked. Fetch or write it again.", e);
        }

        return image;
    }

    private static void DecodePass(
        Header header, byte[] palette, Stream stream, Image image, (int X, int Y, int StepX, int StepY) pass,
        string path)
    {
        int width = (header.Width - pass.X + pass.StepX - 1) / pass.StepX;
        if (width <= 0)
        {
            return;
        }

        int bitsPerPixel = header.SamplesPerPixel * header.Depth;
        int stride = (width * bitsPerPixel + 7) / 8;
        int pixelBytes = Math.Max(1, bitsPerPixel / 8);
        byte[] previous = new byte[stride];
        byte[] row = new byte[stride];
        for (int y = pass.Y; y < header.Height; y += pass.StepY)
        {
            int filter = stream.ReadByte();
            if (filter is < 0 or > 4)
            {
                throw ImageSources.Damaged(
                    path, filter < 0 ? "it is cut short" : $"row filter {filter} does not exist");
            }

            stream.ReadExactly(row);
            Unfilter(filter, row, previous, pixelBytes);
            for (int i = 0; i < width; i++)
            {
                StorePixel(header, palette, row, i, image, y, pass.X + i * pass.StepX, path);
            }

            (row, previous) = (previous, row);
        }
    }

    private static void Unfilter(int filter, byte[] row, byte[] previous, int pixelBytes)
    {
        for (int i = 0; i < row.Length; i++)
        {
            int left = i >= pixelBytes ? row[i - pixelBytes] : 0;
            int up = previous[i];
            int upLeft = i >= pixelBytes ? previous[i - pixelBytes] : 0;
            row[i] += (byte)(filter switch
            {
                0 => 0,
                1 => left,
                2 => up,
                3 => (left + up) / 2,
                _ => Paeth(left, up, upLeft),
            });
        }
    }

    private static int Paeth(int left, int up, int upLeft)
    {
        int estimate = left + up - upLeft;
        int toLeft = Math.Abs(estimate - left);
        int toUp = Math.Abs(estimate - up);
        int toUpLeft = Math.Abs(estimate - upLeft);
        return toLeft <= toUp && toLeft <= toUpLeft ? left : toUp <= toUpLeft ? up : upLeft;
    }

    private static void StorePixel(
        Header header, byte[] palette, byte[] row, int pixel, Image image, int y, int x, string path)
    {
        if (header.IsPalette)
        {
            int entry = 3 * Sample(row, pixel, header.Depth);
            if (entry + 3 > palette.Length)
            {
                throw ImageSources.Damaged(path, $"its palette has no entry {entry / 3}");
            }

            for (int channel = 0; channel < 3; channel++)
            {
                image.Values[image.Shape.Index(channel, y, x)] = palette[entry + channel];
            }

            return;
        }

        for (int channel = 0; channel < image.Shape.Channels; channel++)
        {
            int sample = Sample(row, pixel * header.SamplesPerPixel + channel, header.Depth);
            image.Values[image.Shape.Index(channel, y, x)] = header.Depth switch
            {
                < 8 => sample * (255 / ((1 << header.Depth) - 1)),
                _ => sample,
            };
        }
    }

    /// <summary>A sample of a row; of 16-bit samples the upper byte.</summary>
    private static int Sample(byte[] row, int index, int depth)
    {
        if (depth >= 8)
        {
            return row[index * (depth / 8)];
        }

        int bit = index * depth;
        return (row[bit / 8] >> (8 - depth - bit % 8)) & ((1 << depth) - 1);
    }

    private static uint Crc32(ReadOnlySpan<byte> bytes)
    {
        uint crc = uint.MaxValue;
        foreach (byte b in bytes)
        {
            crc = CrcTable[(byte)(crc ^ b)] ^ (crc >> 8);
        }

        return ~crc;
    }

    private static readonly uint[] CrcTable = MakeCrcTable();

    private static uint[] MakeCrcTable()
    {
        var table = new uint[256];
        for (uint i = 0; i < table.Length; i++)
        {
            uint entry = i;
            for (int bit = 0; bit < 8; bit++)
            {
                entry = (entry & 1) != 0 ? 0xedb88320u ^ (entry >> 1) : entry >> 1;
            }

            table[i] = entry;
        }

        return table;
    }

    private sealed record Header(int Width, int Height, int Depth, int Colour, bool Interlaced)
    {
        private const int Gray = 0, Rgb = 2, Palette = 3, GrayAlpha = 4, Rgba = 6;

        public bool IsGray => Colour is Gray or GrayAlpha;

        public bool IsPalette => Colour == Palette;

        public int SamplesPerPixel => Colour switch { Gray or Palette => 1, GrayAlpha => 2, Rgb => 3, _ => 4 };

        public static Header Parse(ReadOnlySpan<byte> content, string path)
        {
            if (content.Length != 13)
            {
                throw ImageSources.Damaged(path, "its header has the wrong length");
            }

            uint width = BinaryPrimitives.ReadUInt32BigEndian(content);
            uint height = BinaryPrimitives.ReadUInt32BigEndian(content[4..]);
            int depth = content[8];
            int colour = content[9];
            bool depthFits = colour switch
            {
                Gray => depth is 1 or 2 or 4 or 8 or 16,
                Palette => depth is 1 or 2 or 4 or 8,
                Rgb or GrayAlpha or Rgba => depth is 8 or 16,
                _ => false,
            };
            if (width is 0 or > MaxSide || height is 0 or > MaxSide)
            {
                throw new PopcornException($"'{path}' is {width}x{height} pixels; 1 to {MaxSide} a side are read.");
            }

            if (!depthFits || content[10] != 0 || content[11] != 0 || content[12] > 1)
            {
                throw ImageSources.Damaged(path, "its header is not valid");
            }

            return new Header((int)width, (int)height, depth, colour, content[12] == 1);
        }
    }
}
