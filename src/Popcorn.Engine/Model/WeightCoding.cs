using System.Numerics;

namespace Popcorn.Engine.Model;

/// <summary>
/// How the weights of a layer stand in a model file before the whole is compressed: what the compressor can make the
/// most of. First a mask, one bit a weight, set where it is not zero, and then the weights that are not zero:
/// <list type="bullet">
/// <item>up to 256 different ones by their place, one byte each, behind a palette in ascending order;</item>
/// <item>others in two's complement of 1…4 bytes: first the lowest byte of each, then the second of each, ….</item>
/// </list>
/// One byte tells the two apart: 0, or the number of bytes.
/// </summary>
internal static class WeightCoding
{
    private const byte Palette = 0;
    private const int MostColours = 256;

    public static void Write(ByteWriter writer, int[] weights)
    {
        var mask = new byte[(weights.Length + 7) / 8];
        for (int i = 0; i < weights.Length; i++)
        {
            mask[i / 8] |= (byte)((weights[i] == 0 ? 0 : 1) << (i % 8));
        }

        writer.Bytes(mask);
        int[] present = Array.FindAll(weights, w => w != 0);
        if (ColoursOf(present) is int[] palette)
        {
            writer.Byte(Palette);
            writer.Byte((byte)(palette.Length - 1));
            foreach (int weight in palette)
            {
                writer.Signed(weight);
            }

            writer.Bytes(Array.ConvertAll(present, w => (byte)Array.BinarySearch(palette, w)));
            return;
        }

        int bytes = BytesOf(present);
        writer.Byte((byte)bytes);
        for (int shift = 0; shift < 8 * bytes; shift += 8)
        {
            writer.Bytes(Array.ConvertAll(present, w => (byte)(w >> shift)));
        }
    }

    public static int[] Read(ref ByteReader reader, int count)
    {
        ReadOnlySpan<byte> mask = reader.Bytes((int)(((long)count + 7) / 8));
        var weights = new int[count];
        int present = 0;
        for (int i = 0; i < 8 * mask.Length; i++)
        {
            int bit = mask[i / 8] >> (i % 8) & 1;
            if (i < count)
            {
                weights[i] = bit;
                present += bit;
            }
            else if (bit != 0)
            {
                throw new PopcornException("a mask marks more weights than there are");
            }
        }

        int[] values = ReadPresent(ref reader, present);
        int next = 0;
        for (int i = 0; i < count; i++)
        {
            weights[i] = weights[i] == 0 ? 0 : values[next++];
        }

        return weights;
    }

    private static int[] ReadPresent(ref ByteReader reader, int count)
    {
        int bytes = reader.Byte();
        if (bytes > sizeof(int))
        {
            throw new PopcornException($"weights of {bytes} bytes are not known");
        }

        int[] palette = bytes == Palette ? ReadPalette(ref reader) : [];
        reader.Expect((long)count * Math.Max(1, bytes));
        var values = new int[count];
        if (bytes == Palette)
        {
            ReadOnlySpan<byte> places = reader.Bytes(count);
            for (int i = 0; i < count; i++)
            {
                values[i] = places[i] < palette.Length
                    ? palette[places[i]]
                    : throw new PopcornException("a weight is beyond its layer's palette");
            }
        }

        for (int shift = 0; shift < 8 * bytes; shift += 8)
        {
            ReadOnlySpan<byte> plane = reader.Bytes(count);
            bool isTop = shift == 8 * (bytes - 1);
            for (int i = 0; i < count; i++)
            {
                values[i] |= (isTop ? (sbyte)plane[i] : plane[i]) << shift;
            }
        }

        return values.AsSpan().Contains(0) ? throw new PopcornException("a weight that is marked is 0") : values;
    }

    private static int[] ReadPalette(ref ByteReader reader)
    {
        var palette = new int[reader.Byte() + 1];
        for (int i = 0; i < palette.Length; i++)
        {
            palette[i] = reader.Signed();
            if (i > 0 && palette[i] <= palette[i - 1])
            {
                throw new PopcornException("the palette of a layer's weights is not in order");
            }
        }

        return palette;
    }

    /// <summary>The different weights in ascending order; null where they are too many, or none.</summary>
    private static int[]? ColoursOf(int[] weights)
    {
        var colours = new SortedSet<int>();
        foreach (int weight in weights)
        {
            if (colours.Add(weight) && colours.Count > MostColours)
            {
                return null;
            }
        }

        return colours.Count > 0 ? [.. colours] : null;
    }

    /// <summary>Bytes of the widest weight in two's complement, at least one.</summary>
    private static int BytesOf(ReadOnlySpan<int> weights)
    {
        int union = 0;
        foreach (int weight in weights)
        {
            union |= weight ^ (weight >> 31);
        }

        return (33 - BitOperations.LeadingZeroCount((uint)union) + 7) / 8;
    }
}
