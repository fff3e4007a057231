using System.Buffers.Binary;
using System.IO.Compression;

namespace Popcorn.Engine.Tests.Data;

/// <summary>Writes PNGs of every kind that the reader takes, each row with another filter.</summary>
internal static class PngWriter
{
    /// <param name="width">Pixels a row.</param>
    /// <param name="height">Rows.</param>
    /// <param name="depth">Bits a sample.</param>
    /// <param name="colour">PNG's colour type.</param>
    /// <param name="sample">Sample at (row, column, index within the pixel).</param>
    /// <param name="palette">Palette, three bytes an entry; empty for none.</param>
    /// <param name="interlaced">Whether to write the seven passes of Adam7.</param>
    public static byte[] Write(
        int width, int height, int depth, int colour, Func<int, int, int, int> sample, byte[] palette, bool interlaced)
    {
        int samples = colour switch { 0 or 3 => 1, 4 => 2, 2 => 3, _ => 4 };
        using var raw = new MemoryStream();
        if (interlaced)
        {
            // The pass of each pixel of an 8×8 block, as the specification draws it.
            string[] passes =
                ["16462646", "77777777", "56565656", "77777777", "36463646", "77777777", "56565656", "77777777"];
            for (char pass = '1'; pass <= '7'; pass++)
            {
                WriteRows(raw, width, height, depth, samples, sample, (y, x) => passes[y % 8][x % 8] == pass);
            }
        }
        else
        {
            WriteRows(raw, width, height, depth, samples, sample, (_, _) => true);
        }

        using var packed = new MemoryStream();
        using (var zlib = new ZLibStream(packed, CompressionLevel.Optimal, leaveOpen: true))
        {
            zlib.Write(raw.ToArray());
        }

        var header = new byte[13];
        BinaryPrimitives.WriteInt32BigEndian(header, width);
        BinaryPrimitives.WriteInt32BigEndian(header.AsSpan(4), height);
        header[8] = (byte)depth;
        header[9] = (byte)colour;
        header[12] = (byte)(interlaced ? 1 : 0);
        byte[] data = packed.ToArray();
        return
        [
            0x89, .. "PNG\r\n"u8, 0x1a, 0x0a,
            .. Chunk("IHDR", header), .. Chunk("tEXt", "a\0b"u8.ToArray()),
            .. palette.Length > 0 ? Chunk("PLTE", palette) : [],
            .. Chunk("IDAT", data[..(data.Length / 2)]), .. Chunk("IDAT", data[(data.Length / 2)..]),
            .. Chunk("IEND", []),
        ];
    }

    public static byte[] Chunk(string type, byte[] content)
    {
        byte[] body = [.. System.Text.Encoding.ASCII.GetBytes(type), .. content];
        var length = new byte[4];
        var checksum = new byte[4];
        BinaryPrimitives.WriteInt32BigEndian(length, content.Length);
        BinaryPrimitives.WriteUInt32BigEndian(checksum, Crc(body));
        return [.. length, .. body, .. checksum];
    }

    private static void WriteRows(
        Stream raw, int width, int height, int depth, int samples, Func<int, int, int, int> sample,
        Func<int, int, bool> isInPass)
    {
        int pixelBytes = Math.Max(1, samples * depth / 8);
        byte[]? previous = null;
        int rowNumber = 0;
        for (int y = 0; y < height; y++)
        {
            var bits = new List<bool>();
            for (int x = 0; x < width; x++)
            {
                for (int s = 0; isInPass(y, x) && s < samples; s++)
                {
                    for (int bit = depth - 1; bit >= 0; bit--)
                    {
                        bits.Add((sample(y, x, s) >> bit & 1) != 0);
                    }
                }
            }

            if (bits.Count == 0)
            {
                continue;
            }

            var row = new byte[(bits.Count + 7) / 8];
            for (int i = 0; i < bits.Count; i++)
            {
                row[i / 8] |= (byte)(bits[i] ? 0x80 >> i % 8 : 0);
            }

            previous ??= new byte[row.Length];
            int filter = rowNumber++ % 5;
            raw.WriteByte((byte)filter);
            for (int i = 0; i < row.Length; i++)
            {
                int a = i >= pixelBytes ? row[i - pixelBytes] : 0, b = previous[i];
                int c = i >= pixelBytes ? previous[i - pixelBytes] : 0;
                int p = a + b - c;
                int nearest = new[] { a, b, c }.MinBy(v => Math.Abs(p - v));
                int predicted = filter switch { 0 => 0, 1 => a, 2 => b, 3 => (a + b) / 2, _ => nearest };
                raw.WriteByte((byte)(row[i] - predicted));
            }

            previous = row;
        }
    }

    private static uint Crc(byte[] bytes)
    {
        uint crc = uint.MaxValue;
        foreach (byte b in bytes)
        {
            crc ^= b;
            for (int bit = 0; bit < 8; bit++)
            {
                crc = (crc >> 1) ^ ((crc & 1) * 0xedb88320u);
            }
        }

        return ~crc;
    }
}
