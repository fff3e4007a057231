using System.Numerics;

namespace Popcorn.Engine.Model;

/// <summary>
/// How the weights of a layer stand in a model file: one byte names the coding, so that further codings join without a
/// new file version. The writer takes the smallest.
/// <list type="bullet">
/// <item>Packed: the width in bits, then every weight in two's complement.</item>
/// <item>Masked: the width in bits, one bit a weight (set where it is not zero), then the non-zero weights.</item>
/// <item>Palette: the number of distinct weights less one, these in ascending order, then for every weight its place
/// among them, in as few bits as hold it; binary weights take one bit.</item>
/// <item>Masked palette: the same for the non-zero weights, behind one bit a weight.</item>
/// </list>
/// </summary>
internal static class WeightCoding
{
    private const byte Packed = 0;
    private const byte Masked = 1;
    private const byte Palette = 2;
    private const byte MaskedPalette = 3;

    private const int MostColours = 256;

    public static void Write(ByteWriter writer, int[] weights)
    {
        int width = Width(weights);
        int[] nonZero = Array.FindAll(weights, w => w != 0);
        int[]? colours = ColoursOf(weights);
        int[]? nonZeroColours = ColoursOf(nonZero);
        long[] bits =
        [
            (long)width * weights.Length,
            weights.Length + (long)width * nonZero.Length,
            BitsOf(colours, weights.Length),
            weights.Length + BitsOf(nonZeroColours, nonZero.Length),
        ];
        byte coding = (byte)Array.IndexOf(bits, bits.Min());
        writer.Byte(coding);
        bool isMasked = coding is Masked or MaskedPalette;
        int[]? palette = coding == Palette ? colours : coding == MaskedPalette ? nonZeroColours : null;
        if (palette is null)
        {
            writer.Byte((byte)width);
        }
        else
        {
            WritePalette(writer, palette);
        }

        var fields = new BitWriter(writer);
        foreach (int weight in isMasked ? weights : [])
        {
            fields.Write(weight == 0 ? 0u : 1u, 1);
        }

        foreach (int weight in isMasked ? nonZero : weights)
        {
            if (palette is null)
            {
                fields.Write((uint)weight, width);
            }
            else
            {
                fields.Write((uint)Array.BinarySearch(palette, weight), IndexBits(palette));
            }
        }

        fields.Flush();
    }

    public static int[] Read(ref ByteReader reader, int count)
    {
        byte coding = reader.Byte();
        if (coding > MaskedPalette)
        {
            throw new PopcornException($"weight coding {coding} is not known");
        }

        int[]? palette = coding >= Palette ? ReadPalette(ref reader) : null;
        int width = palette is null ? reader.Byte() : IndexBits(palette);
        if (width is < 1 or > 32)
        {
            throw new PopcornException($"weights of {width} bits are not known");
        }

        bool isMasked = coding is Masked or MaskedPalette;
        var bits = new BitReader();
        reader.Expect((((isMasked ? 1L : width) * count) + 7) / 8);
        var weights = new int[count];
        for (int i = 0; isMasked && i < count; i++)
        {
            weights[i] = (int)bits.Read(ref reader, 1);
        }

        for (int i = 0; i < count; i++)
        {
            if (!isMasked || weights[i] != 0)
            {
                uint field = bits.Read(ref reader, width);
                int shift = 32 - width;
                weights[i] = palette is null ? (int)(field << shift) >> shift
                    : field < palette.Length ? palette[field]
                    : throw new PopcornException("a weight is beyond its layer's palette");
            }
        }

        bits.RequireZeroPadding();
        return weights;
    }

    private static void WritePalette(ByteWriter writer, int[] palette)
    {
        writer.Byte((byte)(palette.Length - 1));
        foreach (int weight in palette)
        {
            writer.Signed(weight);
        }
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

    /// <summary>The distinct weights in ascending order; null where they are too many, or none.</summary>
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

    private static long BitsOf(int[]? colours, int count) => colours is null
        ? long.MaxValue / 2
        : (long)IndexBits(colours) * count + colours.Length * 16L;

    private static int IndexBits(int[] palette) =>
        Math.Max(1, 32 - BitOperations.LeadingZeroCount((uint)palette.Length - 1));

    /// <summary>Bits of the widest weight in two's complement.</summary>
    private static int Width(ReadOnlySpan<int> weights)
    {
        int union = 0;
        foreach (int weight in weights)
        {
            union |= weight ^ (weight >> 31);
        }

        return 33 - BitOperations.LeadingZeroCount((uint)union);
    }
}
