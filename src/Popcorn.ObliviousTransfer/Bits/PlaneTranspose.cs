using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Security.Cryptography;

namespace Popcorn.ObliviousTransfer.Bits;

/// <summary>
/// Numbers to bit planes and back, 64 items at a time: their bytes are gathered, 8 × 8 bits are transposed within each
/// word, then the 8 × 8 bytes of a vector.
/// </summary>
internal static class PlaneTranspose
{
    private const int Block = 64;
    private const int BitsOfByte = 8;

    /// <summary>The lowest bits of numbers, one an item.</summary>
    /// <param name="values">As many as items.</param>
    /// <param name="planes">Up to 64 planes.</param>
    public static void ToPlanes(ReadOnlySpan<ulong> values, BitPlanes planes) => ToPlanes(values, 1, planes);

    /// <summary>The lowest bits of every number, or of every other one: the lower halves of blocks of 128 bits.
    /// </summary>
    /// <param name="values">Items times <paramref name="stride"/>.</param>
    /// <param name="stride">1 or 2.</param>
    /// <param name="planes">Up to 64 planes.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void ToPlanes(ReadOnlySpan<ulong> values, int stride, BitPlanes planes)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)(stride - 1), 1u, nameof(stride));
        ArgumentOutOfRangeException.ThrowIfNotEqual(values.Length, planes.Items * stride, nameof(values));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(planes.Count, 64, nameof(planes));
        Span<ulong> all = planes.Span;
        Span<ulong> padded = stackalloc ulong[2 * Block];
        Span<Vector512<ushort>> pairs = stackalloc Vector512<ushort>[2];
        Span<ulong> words = stackalloc ulong[BitsOfByte];
        for (int item = 0; item < planes.Items; item += Block)
        {
            scoped ReadOnlySpan<ulong> block = values[(item * stride)..];
            if (block.Length < Block * stride)
            {
                padded.Clear();
                block.CopyTo(padded);
                block = padded;
            }

            for (int plane = 0; plane < planes.Count; plane += BitsOfByte)
            {
                if (plane % 16 == 0)
                {
                    NarrowToPairs(block, stride, plane, pairs);
                }
                else
                {
                    pairs[0] >>>= BitsOfByte;
                    pairs[1] >>>= BitsOfByte;
                }

                Vector512<byte> bytes = Vector512.Narrow(pairs[0], pairs[1]);
                TransposeBytes(TransposeBits(bytes.AsUInt64())).CopyTo(words);
                int first = (plane * planes.Words) + (item / Block);
                int last = Math.Min(BitsOfByte, planes.Count - plane);
                for (int bit = 0; bit < last; bit++)
                {
                    all[first + (bit * planes.Words)] = words[bit];
                }
            }
        }

        CryptographicOperations.ZeroMemory(MemoryMarshal.AsBytes(padded));
        CryptographicOperations.ZeroMemory(MemoryMarshal.AsBytes(pairs));
        CryptographicOperations.ZeroMemory(MemoryMarshal.AsBytes(words));
    }

    /// <summary>Numbers of as many bits as there are planes.</summary>
    /// <param name="planes">Up to 64 planes.</param>
    /// <param name="values">Filled; as many as items.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void FromPlanes(BitPlanes planes, Span<ulong> values)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(values.Length, planes.Items, nameof(values));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(planes.Count, 64, nameof(planes));
        ReadOnlySpan<ulong> all = planes.Span;
        Span<ulong> padded = stackalloc ulong[Block];
        Span<ulong> words = stackalloc ulong[BitsOfByte];
        Span<Vector512<byte>> bytes = stackalloc Vector512<byte>[BitsOfByte];
        for (int item = 0; item < planes.Items; item += Block)
        {
            bytes.Clear();
            for (int plane = 0; plane < planes.Count; plane += BitsOfByte)
            {
                words.Clear();
                int first = (plane * planes.Words) + (item / Block);
                int last = Math.Min(BitsOfByte, planes.Count - plane);
                for (int bit = 0; bit < last; bit++)
                {
                    words[bit] = all[first + (bit * planes.Words)];
                }

                bytes[plane / BitsOfByte] =
                    TransposeBits(TransposeBytes(Vector512.Create<ulong>(words))).AsByte();
            }

            int left = values.Length - item;
            WidenToWords(bytes, planes.Count, left < Block ? padded : values.Slice(item, Block));
            if (left < Block)
            {
                padded[..left].CopyTo(values[item..]);
            }
        }

        CryptographicOperations.ZeroMemory(MemoryMarshal.AsBytes(padded));
        CryptographicOperations.ZeroMemory(MemoryMarshal.AsBytes(words));
        CryptographicOperations.ZeroMemory(MemoryMarshal.AsBytes(bytes));
    }

    /// <summary>16 bits, from one on, of each of 64 numbers.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void NarrowToPairs(
        ReadOnlySpan<ulong> block, int stride, int firstBit, Span<Vector512<ushort>> pairs)
    {
        for (int half = 0; half < 2; half++)
        {
            int at = 4 * half;
            Vector512<uint> lower = Vector512.Narrow(
                Load(block, stride, at) >>> firstBit, Load(block, stride, at + 1) >>> firstBit);
            Vector512<uint> upper = Vector512.Narrow(
                Load(block, stride, at + 2) >>> firstBit, Load(block, stride, at + 3) >>> firstBit);
            pairs[half] = Vector512.Narrow(lower, upper);
        }
    }

    /// <summary>Eight numbers.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<ulong> Load(ReadOnlySpan<ulong> block, int stride, int eight)
    {
        ReadOnlySpan<ulong> from = block[(8 * stride * eight)..];
        if (stride == 1)
        {
            return Vector512.Create(from);
        }

        if (!Vector512.IsHardwareAccelerated)
        {
            return Vector512.Create(from[0], from[2], from[4], from[6], from[8], from[10], from[12], from[14]);
        }

        // A shuffle's index beyond the end stands for zero.
        return Vector512.Shuffle(Vector512.Create(from), Vector512.Create(0ul, 2, 4, 6, 8, 8, 8, 8))
            | Vector512.Shuffle(Vector512.Create(from[8..]), Vector512.Create(8ul, 8, 8, 8, 0, 2, 4, 6));
    }

    /// <summary>64 numbers of their bytes: vector g holds byte g of each.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void WidenToWords(ReadOnlySpan<Vector512<byte>> bytes, int bits, Span<ulong> values)
    {
        (Vector512<ushort> low0, Vector512<ushort> low1) = WidenToPairs(bytes[0], bytes[1]);
        (Vector512<ushort> mid0, Vector512<ushort> mid1) = WidenToPairs(bytes[2], bytes[3]);
        WidenHalf(low0, mid0, values);
        WidenHalf(low1, mid1, values[32..]);
        if (bits > 32)
        {
            (low0, low1) = WidenToPairs(bytes[4], bytes[5]);
            (mid0, mid1) = WidenToPairs(bytes[6], bytes[7]);
            AddUpperHalf(low0, mid0, values);
            AddUpperHalf(low1, mid1, values[32..]);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static (Vector512<ushort> Lower, Vector512<ushort> Upper) WidenToPairs(
        Vector512<byte> low, Vector512<byte> high)
    {
        (Vector512<ushort> low0, Vector512<ushort> low1) = Vector512.Widen(low);
        (Vector512<ushort> high0, Vector512<ushort> high1) = Vector512.Widen(high);
        return (low0 | (high0 << 8), low1 | (high1 << 8));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static (Vector512<uint> Lower, Vector512<uint> Upper) WidenToQuads(
        Vector512<ushort> low, Vector512<ushort> high)
    {
        (Vector512<uint> low0, Vector512<uint> low1) = Vector512.Widen(low);
        (Vector512<uint> high0, Vector512<uint> high1) = Vector512.Widen(high);
        return (low0 | (high0 << 16), low1 | (high1 << 16));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void WidenHalf(Vector512<ushort> low, Vector512<ushort> high, Span<ulong> values)
    {
        (Vector512<uint> lower, Vector512<uint> upper) = WidenToQuads(low, high);
        (Vector512<ulong> v0, Vector512<ulong> v1) = Vector512.Widen(lower);
        (Vector512<ulong> v2, Vector512<ulong> v3) = Vector512.Widen(upper);
        v0.CopyTo(values);
        v1.CopyTo(values[8..]);
        v2.CopyTo(values[16..]);
        v3.CopyTo(values[24..]);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void AddUpperHalf(Vector512<ushort> low, Vector512<ushort> high, Span<ulong> values)
    {
        (Vector512<uint> lower, Vector512<uint> upper) = WidenToQuads(low, high);
        (Vector512<ulong> v0, Vector512<ulong> v1) = Vector512.Widen(lower);
        (Vector512<ulong> v2, Vector512<ulong> v3) = Vector512.Widen(upper);
        (Vector512.Create<ulong>(values) | (v0 << 32)).CopyTo(values);
        (Vector512.Create<ulong>(values[8..]) | (v1 << 32)).CopyTo(values[8..]);
        (Vector512.Create<ulong>(values[16..]) | (v2 << 32)).CopyTo(values[16..]);
        (Vector512.Create<ulong>(values[24..]) | (v3 << 32)).CopyTo(values[24..]);
    }

    /// <summary>Bit c of byte r becomes bit r of byte c, in each word: three rounds of exchanges.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<ulong> TransposeBits(Vector512<ulong> words)
    {
        words = Exchange(words, 7, 0x00AA00AA00AA00AAul);
        words = Exchange(words, 14, 0x0000CCCC0000CCCCul);
        return Exchange(words, 28, 0x00000000F0F0F0F0ul);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<ulong> Exchange(Vector512<ulong> words, int distance, ulong lower)
    {
        Vector512<ulong> differing = (words ^ (words >>> distance)) & Vector512.Create(lower);
        return words ^ differing ^ (differing << distance);
    }

    /// <summary>Byte c of word r becomes byte r of word c.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<ulong> TransposeBytes(Vector512<ulong> words) => Vector512.Shuffle(
        words.AsByte(),
        Vector512.Create(
            (byte)0, 8, 16, 24, 32, 40, 48, 56, 1, 9, 17, 25, 33, 41, 49, 57,
            2, 10, 18, 26, 34, 42, 50, 58, 3, 11, 19, 27, 35, 43, 51, 59,
            4, 12, 20, 28, 36, 44, 52, 60, 5, 13, 21, 29, 37, 45, 53, 61,
            6, 14, 22, 30, 38, 46, 54, 62, 7, 15, 23, 31, 39, 47, 55, 63)).AsUInt64();
}
