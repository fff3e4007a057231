using System.Numerics;

namespace Popcorn.Engine.Model;

/// <summary>
/// How the weights of a layer stand in a model file: one byte names the coding, so that further codings join without a
/// new file version. The writer takes whichever is smaller.
/// <list type="bullet">
/// <item>Packed: the width in bits, then every weight in two's complement.</item>
/// <item>Masked: the width in bits, one bit a weight (set where it is not zero), then the non-zero weights.</item>
/// </list>
/// </summary>
internal static class WeightCoding
{
    private const byte Packed = 0;
    private const byte Masked = 1;

    public static void Write(ByteWriter writer, int[] weights)
    {
        int width = Width(weights);
        int nonZero = weights.Length - weights.AsSpan().Count(0);
        bool masked = weights.Length + (long)width * nonZero < (long)width * weights.Length;
        writer.Byte(masked ? Masked : Packed);
        writer.Byte((byte)width);
        var bits = new BitWriter(writer);
        if (masked)
        {
            foreach (int weight in weights)
            {
                bits.Write(weight == 0 ? 0u : 1u, 1);
            }
        }

        foreach (int weight in weights)
        {
            if (weight != 0 || !masked)
            {
                bits.Write((uint)weight, width);
            }
        }

        bits.Flush();
    }

    public static int[] Read(ref ByteReader reader, int count)
    {
        byte coding = reader.Byte();
        int width = reader.Byte();
        if (coding > Masked || width is < 1 or > 32)
        {
            throw new PopcornException($"weight coding {coding} with {width} bits is not known");
        }

        var bits = new BitReader();
        reader.Expect((((coding == Masked ? 1L : width) * count) + 7) / 8);
        var weights = new int[count];
        if (coding == Masked)
        {
            for (int i = 0; i < count; i++)
            {
                weights[i] = (int)bits.Read(ref reader, 1);
            }
        }

        for (int i = 0; i < count; i++)
        {
            if (coding == Packed || weights[i] != 0)
            {
                int shift = 32 - width;
                weights[i] = (int)(bits.Read(ref reader, width) << shift) >> shift;
            }
        }

        bits.RequireZeroPadding();
        return weights;
    }

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
