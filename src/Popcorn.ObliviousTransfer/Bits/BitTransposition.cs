using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Popcorn.ObliviousTransfer.Bits;

/// <summary>Transposes matrices of bits, 64 by 64 at a time.</summary>
internal static class BitTransposition
{
    /// <summary>Transposes 128 rows of bits: block j gets bit j of every row, that of row i as its bit i.</summary>
    /// <param name="rows">128 rows, one after the other.</param>
    /// <param name="wordsOfRow">Words from one row to the next.</param>
    /// <param name="columns">Filled: 64 blocks for each word of a row that is wanted.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Transpose128(ReadOnlySpan<ulong> rows, int wordsOfRow, Span<Block> columns)
    {
        int words = columns.Length / 64;
        ArgumentOutOfRangeException.ThrowIfLessThan(rows.Length, 128 * wordsOfRow);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(words, wordsOfRow);
        Span<ulong> low = stackalloc ulong[64];
        Span<ulong> high = stackalloc ulong[64];
        for (int word = 0; word < words; word++)
        {
            ref ulong row = ref Unsafe.Add(ref MemoryMarshal.GetReference(rows), word);
            Transpose64(ref row, wordsOfRow, low);
            Transpose64(ref Unsafe.Add(ref row, 64 * wordsOfRow), wordsOfRow, high);
            ref Block column = ref Unsafe.Add(ref MemoryMarshal.GetReference(columns), 64 * word);
            for (int i = 0; i < 64; i++)
            {
                Unsafe.Add(ref column, i) = Vector128.Create(low[i], high[i]);
            }
        }
    }

    /// <summary>Transposes: bit j of word i goes to bit i of word j.</summary>
    /// <param name="first">The first of 64 words.</param>
    /// <param name="stride">How many words it is from one to the next.</param>
    /// <param name="square">Filled; may be where the words are.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Transpose64(ref ulong first, int stride, Span<ulong> square)
    {
        if (Vector512.IsHardwareAccelerated)
        {
            TransposeEights(ref first, stride, square);
        }
        else
        {
            TransposeFours(ref first, stride, square);
        }
    }

    /// <summary>The matrix is eight vectors, which stay in registers.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void TransposeEights(ref ulong first, int stride, Span<ulong> square)
    {
        Vector512<ulong> v0 = Load(ref first, stride, 0), v1 = Load(ref first, stride, 1);
        Vector512<ulong> v2 = Load(ref first, stride, 2), v3 = Load(ref first, stride, 3);
        Vector512<ulong> v4 = Load(ref first, stride, 4), v5 = Load(ref first, stride, 5);
        Vector512<ulong> v6 = Load(ref first, stride, 6), v7 = Load(ref first, stride, 7);

        // Halves, then quarters, then eighths of rows are swapped between rows that far apart ...
        Swap(ref v0, ref v4, 32, 0x0000_0000_ffff_ffff);
        Swap(ref v1, ref v5, 32, 0x0000_0000_ffff_ffff);
        Swap(ref v2, ref v6, 32, 0x0000_0000_ffff_ffff);
        Swap(ref v3, ref v7, 32, 0x0000_0000_ffff_ffff);
        Swap(ref v0, ref v2, 16, 0x0000_ffff_0000_ffff);
        Swap(ref v1, ref v3, 16, 0x0000_ffff_0000_ffff);
        Swap(ref v4, ref v6, 16, 0x0000_ffff_0000_ffff);
        Swap(ref v5, ref v7, 16, 0x0000_ffff_0000_ffff);
        Swap(ref v0, ref v1, 8, 0x00ff_00ff_00ff_00ff);
        Swap(ref v2, ref v3, 8, 0x00ff_00ff_00ff_00ff);
        Swap(ref v4, ref v5, 8, 0x00ff_00ff_00ff_00ff);
        Swap(ref v6, ref v7, 8, 0x00ff_00ff_00ff_00ff);

        // ... down to rows that are neighbours, within a vector.
        Span<Vector512<ulong>> v = MemoryMarshal.Cast<ulong, Vector512<ulong>>(square[..64]);
        v[0] = Finish(v0);
        v[1] = Finish(v1);
        v[2] = Finish(v2);
        v[3] = Finish(v3);
        v[4] = Finish(v4);
        v[5] = Finish(v5);
        v[6] = Finish(v6);
        v[7] = Finish(v7);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<ulong> Load(ref ulong first, int stride, int eight)
    {
        ref ulong at = ref Unsafe.Add(ref first, 8 * eight * stride);
        return Vector512.Create(
            at,
            Unsafe.Add(ref at, stride),
            Unsafe.Add(ref at, 2 * stride),
            Unsafe.Add(ref at, 3 * stride),
            Unsafe.Add(ref at, 4 * stride),
            Unsafe.Add(ref at, 5 * stride),
            Unsafe.Add(ref at, 6 * stride),
            Unsafe.Add(ref at, 7 * stride));
    }

    /// <summary>
    /// The same where registers are narrower: four rows at a time, twice through all of them, so that there are enough
    /// registers.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void TransposeFours(ref ulong first, int stride, Span<ulong> square)
    {
        ref Vector256<ulong> v = ref Unsafe.As<ulong, Vector256<ulong>>(ref square[..64][0]);
        for (int i = 0; i < 4; i++)
        {
            Vector256<ulong> a = LoadFour(ref first, stride, i), b = LoadFour(ref first, stride, i + 4);
            Vector256<ulong> c = LoadFour(ref first, stride, i + 8), d = LoadFour(ref first, stride, i + 12);
            Swap(ref a, ref c, 32, 0x0000_0000_ffff_ffff);
            Swap(ref b, ref d, 32, 0x0000_0000_ffff_ffff);
            Swap(ref a, ref b, 16, 0x0000_ffff_0000_ffff);
            Swap(ref c, ref d, 16, 0x0000_ffff_0000_ffff);
            Unsafe.Add(ref v, i) = a;
            Unsafe.Add(ref v, i + 4) = b;
            Unsafe.Add(ref v, i + 8) = c;
            Unsafe.Add(ref v, i + 12) = d;
        }

        for (int i = 0; i < 4; i++, v = ref Unsafe.Add(ref v, 4))
        {
            Vector256<ulong> a = v, b = Unsafe.Add(ref v, 1), c = Unsafe.Add(ref v, 2), d = Unsafe.Add(ref v, 3);
            Swap(ref a, ref c, 8, 0x00ff_00ff_00ff_00ff);
            Swap(ref b, ref d, 8, 0x00ff_00ff_00ff_00ff);
            Swap(ref a, ref b, 4, 0x0f0f_0f0f_0f0f_0f0f);
            Swap(ref c, ref d, 4, 0x0f0f_0f0f_0f0f_0f0f);
            v = Finish(a);
            Unsafe.Add(ref v, 1) = Finish(b);
            Unsafe.Add(ref v, 2) = Finish(c);
            Unsafe.Add(ref v, 3) = Finish(d);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<ulong> LoadFour(ref ulong first, int stride, int four)
    {
        ref ulong at = ref Unsafe.Add(ref first, 4 * four * stride);
        return stride == 1
            ? Vector256.LoadUnsafe(ref at)
            : Vector256.Create(
                at, Unsafe.Add(ref at, stride), Unsafe.Add(ref at, 2 * stride), Unsafe.Add(ref at, 3 * stride));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Swap(ref Vector256<ulong> a, ref Vector256<ulong> b, int shift, ulong mask)
    {
        Vector256<ulong> difference = ((a >>> shift) ^ b) & Vector256.Create(mask);
        b ^= difference;
        a ^= difference << shift;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<ulong> Finish(Vector256<ulong> v)
    {
        v = SwapWithin(
            v,
            Vector256.Shuffle(v, Vector256.Create(2ul, 3, 0, 1)),
            Vector256.Create(~0ul, ~0ul, 0, 0),
            2,
            0x3333_3333_3333_3333);
        return SwapWithin(
            v,
            Vector256.Shuffle(v, Vector256.Create(1ul, 0, 3, 2)),
            Vector256.Create(~0ul, 0, ~0ul, 0),
            1,
            0x5555_5555_5555_5555);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<ulong> SwapWithin(
        Vector256<ulong> v, Vector256<ulong> partner, Vector256<ulong> isUpperRow, int shift, ulong mask)
    {
        Vector256<ulong> kept = Vector256.Create(mask) ^ ~isUpperRow;
        Vector256<ulong> moved = Vector256.ConditionalSelect(isUpperRow, partner << shift, partner >>> shift);
        return Vector256.ConditionalSelect(kept, v, moved);
    }

    /// <summary>Swaps the part of a that lies above the shift with the part of b below it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Swap(ref Vector512<ulong> a, ref Vector512<ulong> b, int shift, ulong mask)
    {
        Vector512<ulong> difference = ((a >>> shift) ^ b) & Vector512.Create(mask);
        b ^= difference;
        a ^= difference << shift;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<ulong> Finish(Vector512<ulong> v)
    {
        v = SwapWithin(
            v,
            Vector512.Shuffle(v, Vector512.Create(4ul, 5, 6, 7, 0, 1, 2, 3)),
            Vector512.Create(~0ul, ~0ul, ~0ul, ~0ul, 0, 0, 0, 0),
            4,
            0x0f0f_0f0f_0f0f_0f0f);
        v = SwapWithin(
            v,
            Vector512.Shuffle(v, Vector512.Create(2ul, 3, 0, 1, 6, 7, 4, 5)),
            Vector512.Create(~0ul, ~0ul, 0, 0, ~0ul, ~0ul, 0, 0),
            2,
            0x3333_3333_3333_3333);
        return SwapWithin(
            v,
            Vector512.Shuffle(v, Vector512.Create(1ul, 0, 3, 2, 5, 4, 7, 6)),
            Vector512.Create(~0ul, 0, ~0ul, 0, ~0ul, 0, ~0ul, 0),
            1,
            0x5555_5555_5555_5555);
    }

    /// <summary>Every lane takes from its partner what the swap of the two gives it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<ulong> SwapWithin(
        Vector512<ulong> v, Vector512<ulong> partner, Vector512<ulong> isUpperRow, int shift, ulong mask)
    {
        Vector512<ulong> low = Vector512.Create(mask);
        Vector512<ulong> kept = low ^ ~isUpperRow; // the low part in the upper row of a pair, the high one in the lower
        Vector512<ulong> moved = Vector512.ConditionalSelect(isUpperRow, partner << shift, partner >>> shift);
        return Vector512.ConditionalSelect(kept, v, moved);
    }
}
