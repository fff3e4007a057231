using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Popcorn.ObliviousTransfer.Bits;

/// <summary>
/// Arithmetic modulo 2^w on numbers in planes, w being the planes of the result: an operand with fewer planes is
/// continued with zeros, one with more is cut. A single plane is a bit of every item. Results may stand where operands
/// do.
/// </summary>
internal static class PlaneArithmetic
{
    /// <summary>left ⊕ right, plane by plane; or, from one plane of <paramref name="right"/>, with that one.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Xor(BitPlanes left, BitPlanes right, BitPlanes result)
    {
        PlaneVectors x = new(left), y = new(right), to = new(result);
        for (int p = 0; p < to.Count; p++)
        {
            int q = y.Count == 1 ? 0 : p;
            for (int c = 0; c < to.Columns; c++)
            {
                to[p, c] = x[p, c] ^ y[q, c];
            }
        }
    }

    /// <summary>The complement of every bit.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Not(BitPlanes planes, BitPlanes result)
    {
        PlaneVectors x = new(planes), to = new(result);
        for (int p = 0; p < to.Count; p++)
        {
            for (int c = 0; c < to.Columns; c++)
            {
                to[p, c] = ~x[p, c];
            }
        }
    }

    /// <summary>Exchanges two numbers where a bit is set.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void SwapIf(BitPlanes bit, BitPlanes left, BitPlanes right)
    {
        PlaneVectors b = new(bit), x = new(left), y = new(right);
        for (int p = 0; p < x.Count; p++)
        {
            for (int c = 0; c < x.Columns; c++)
            {
                Vector512<ulong> differing = (x[p, c] ^ y[p, c]) & b[0, c];
                x[p, c] ^= differing;
                y[p, c] ^= differing;
            }
        }
    }

    /// <summary>One of two numbers.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Select(BitPlanes bit, BitPlanes ifSet, BitPlanes ifClear, BitPlanes result)
    {
        PlaneVectors b = new(bit), x = new(ifSet), y = new(ifClear), to = new(result);
        for (int p = 0; p < to.Count; p++)
        {
            for (int c = 0; c < to.Columns; c++)
            {
                to[p, c] = Vector512.ConditionalSelect(b[0, c], x[p, c], y[p, c]);
            }
        }
    }

    /// <summary>left + right.</summary>
    public static void Add(BitPlanes left, BitPlanes right, BitPlanes result) =>
        AddShifted(left, right, 0, false, result);

    /// <summary>left − right.</summary>
    public static void Subtract(BitPlanes left, BitPlanes right, BitPlanes result) =>
        AddShifted(left, right, 0, true, result);

    /// <summary>left ± right·2^shift.</summary>
    /// <param name="left">At least as many planes as the result.</param>
    /// <param name="right">Any number of planes.</param>
    /// <param name="shift">0 or more.</param>
    /// <param name="negative">Whether the right one is subtracted.</param>
    /// <param name="result">The sum.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void AddShifted(BitPlanes left, BitPlanes right, int shift, bool negative, BitPlanes result)
    {
        PlaneVectors x = new(left), y = new(right), to = new(result);
        Vector512<ulong> flip = negative ? Vector512<ulong>.AllBitsSet : Vector512<ulong>.Zero;
        int end = Math.Min(y.Count + shift, to.Count);
        for (int c = 0; c < to.Columns; c++)
        {
            // −y is the complement of y, plus one.
            Vector512<ulong> carry = flip;
            for (int p = 0; p < Math.Min(shift, to.Count); p++)
            {
                to[p, c] = x[p, c];
            }

            for (int p = shift; p < end; p++)
            {
                to[p, c] = AddBit(x[p, c], y[p - shift, c] ^ flip, ref carry);
            }

            for (int p = Math.Max(end, shift); p < to.Count; p++)
            {
                to[p, c] = AddBit(x[p, c], flip, ref carry);
            }
        }
    }

    /// <summary>left + a constant that everybody knows.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void AddConstant(BitPlanes left, ulong constant, BitPlanes result)
    {
        PlaneVectors x = new(left), to = new(result);
        for (int c = 0; c < to.Columns; c++)
        {
            Vector512<ulong> carry = Vector512<ulong>.Zero;
            for (int p = 0; p < to.Count; p++)
            {
                to[p, c] = AddBit(x[p, c], Vector512.Create(0 - ((constant >> p) & 1)), ref carry);
            }
        }
    }

    /// <summary>left + bit·right: right where the bit is set, otherwise 0.</summary>
    public static void AddIf(BitPlanes left, BitPlanes bit, BitPlanes right, BitPlanes result) =>
        AddShiftedIf(left, bit, right, 0, result);

    /// <summary>left + bit·right·2^shift, a shift below the planes of the result.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void AddShiftedIf(BitPlanes left, BitPlanes bit, BitPlanes right, int shift, BitPlanes result)
    {
        PlaneVectors x = new(left), b = new(bit), y = new(right), to = new(result);
        int end = Math.Min(y.Count + shift, to.Count);
        for (int c = 0; c < to.Columns; c++)
        {
            Vector512<ulong> carry = Vector512<ulong>.Zero, set = b[0, c];
            for (int p = 0; p < shift; p++)
            {
                to[p, c] = x[p, c];
            }

            for (int p = shift; p < end; p++)
            {
                to[p, c] = AddBit(x[p, c], y[p - shift, c] & set, ref carry);
            }

            for (int p = end; p < to.Count; p++)
            {
                Vector512<ulong> sum = x[p, c] ^ carry;
                carry &= x[p, c];
                to[p, c] = sum;
            }
        }
    }

    /// <summary>−number where the bit is set, otherwise the number.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void NegateIf(BitPlanes bit, BitPlanes number, BitPlanes result)
    {
        PlaneVectors b = new(bit), x = new(number), to = new(result);
        for (int c = 0; c < to.Columns; c++)
        {
            Vector512<ulong> set = b[0, c], carry = set;
            for (int p = 0; p < to.Count; p++)
            {
                Vector512<ulong> flipped = p < x.Count ? x[p, c] ^ set : set;
                to[p, c] = flipped ^ carry;
                carry &= flipped;
            }
        }
    }

    /// <summary>left·right; the result stands apart from both.</summary>
    public static void Multiply(BitPlanes left, BitPlanes right, BitPlanes result)
    {
        result.Span.Clear();
        for (int p = 0; p < Math.Min(left.Count, result.Count); p++)
        {
            AddShiftedIf(result, left.Slice(p, 1), right, p, result);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<ulong> AddBit(Vector512<ulong> x, Vector512<ulong> y, ref Vector512<ulong> carry)
    {
        Vector512<ulong> differing = x ^ y;
        Vector512<ulong> sum = differing ^ carry;
        carry = Vector512.ConditionalSelect(differing, carry, x);
        return sum;
    }
}
