using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using Popcorn.ObliviousTransfer.Symmetric;

namespace Popcorn.ObliviousTransfer.Extension;

/// <summary>
/// What both sides of SoftSpoken share (Roy 2022; field of 2^4, repetition code, for parties that follow the protocol).
/// Δ is cut into 32 digits of 4 bits. For each digit the COT receiver holds 16 seeds, the COT sender all of them but
/// that of its digit a. With r_x the stream of seed x, u = ⊕ r_x and v_b = ⊕ of r_x over the x with bit b set, the
/// sender's w_b = ⊕ of r_x over the x with bit b of x ⊕ a set is v_b ⊕ a_b·u: four bits of a COT with choice u.
/// </summary>
internal static class SmallField
{
    /// <summary>Bits of a digit.</summary>
    public const int Bits = 4;

    /// <summary>Seeds of a digit.</summary>
    public const int Leaves = 1 << Bits;

    /// <summary>Digits of Δ.</summary>
    public const int Digits = 128 / Bits;

    /// <summary>COTs are made in multiples of this.</summary>
    public const int Granularity = 128;

    /// <summary>Bytes by which the receiver tells the sender all seeds but one of each digit.</summary>
    public const int TreeBytes = Digits * Bits * 2 * 16;

    /// <summary>Blocks of each stream that are made at once: what fits the nearest cache.</summary>
    public const int BatchBlocks = 8;

    /// <summary>Bytes from receiver to sender for some COTs: a row for each digit but the first.</summary>
    /// <param name="count">How many, a multiple of <see cref="Granularity"/>.</param>
    public static int BytesFor(int count) => checked((Digits - 1) * (count / 8));

    /// <summary>The children of a tree's node (Goldreich, Goldwasser and Micali 1986).</summary>
    public static (Block Left, Block Right) ChildrenOf(
        ReadOnlySpan<byte> session, int direction, int digit, Block node)
    {
        using var kdf = new Kdf(session, "ggm");
        kdf.Add((byte)direction);
        kdf.Add(digit);
        kdf.Add(node);
        return kdf.DeriveBlocks();
    }

    /// <summary>Sums of streams: u over all of them, v_b over those whose number has bit b set.</summary>
    /// <param name="streams">16 streams of 8 blocks each.</param>
    /// <param name="rows">Filled: v_0 to v_3, 8 blocks each.</param>
    /// <param name="whole">Filled: u, 8 blocks.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Sum(ReadOnlySpan<Block> streams, Span<Block> rows, Span<Block> whole)
    {
        ref Vector512<ulong> s =
            ref Unsafe.As<Block, Vector512<ulong>>(ref MemoryMarshal.GetReference(streams[..(Leaves * BatchBlocks)]));
        ref Vector512<ulong> v = ref Unsafe.As<Block, Vector512<ulong>>(ref rows[..(Bits * BatchBlocks)][0]);
        ref Vector512<ulong> u = ref Unsafe.As<Block, Vector512<ulong>>(ref whole[..BatchBlocks][0]);
        u = SumHalf(ref s, ref v);
        Unsafe.Add(ref u, 1) = SumHalf(ref Unsafe.Add(ref s, 1), ref Unsafe.Add(ref v, 1));
    }

    /// <summary>
    /// Pairs, then pairs of pairs, are added up: of what is left the odd ones have the next bit of their number set.
    /// A stream is two vectors, of which this takes one.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<ulong> SumHalf(ref Vector512<ulong> s, ref Vector512<ulong> v)
    {
        Vector512<ulong> s1 = Unsafe.Add(ref s, 2), s3 = Unsafe.Add(ref s, 6);
        Vector512<ulong> s5 = Unsafe.Add(ref s, 10), s7 = Unsafe.Add(ref s, 14);
        Vector512<ulong> s9 = Unsafe.Add(ref s, 18), s11 = Unsafe.Add(ref s, 22);
        Vector512<ulong> s13 = Unsafe.Add(ref s, 26), s15 = Unsafe.Add(ref s, 30);
        v = s1 ^ s3 ^ s5 ^ s7 ^ s9 ^ s11 ^ s13 ^ s15;
        Vector512<ulong> p0 = s ^ s1, p1 = Unsafe.Add(ref s, 4) ^ s3;
        Vector512<ulong> p2 = Unsafe.Add(ref s, 8) ^ s5, p3 = Unsafe.Add(ref s, 12) ^ s7;
        Vector512<ulong> p4 = Unsafe.Add(ref s, 16) ^ s9, p5 = Unsafe.Add(ref s, 20) ^ s11;
        Vector512<ulong> p6 = Unsafe.Add(ref s, 24) ^ s13, p7 = Unsafe.Add(ref s, 28) ^ s15;
        Unsafe.Add(ref v, 2) = p1 ^ p3 ^ p5 ^ p7;
        Vector512<ulong> q0 = p0 ^ p1, q1 = p2 ^ p3, q2 = p4 ^ p5, q3 = p6 ^ p7;
        Unsafe.Add(ref v, 4) = q1 ^ q3;
        Unsafe.Add(ref v, 6) = q2 ^ q3;
        return q0 ^ q1 ^ q2 ^ q3;
    }
}
