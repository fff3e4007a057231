using System.Numerics;
using System.Runtime.InteropServices;
using Popcorn.Engine.Model;

namespace Popcorn.Engine.Evaluation;

/// <summary>max(x, 0): where the highest limb is negative, all limbs become 0.</summary>
internal sealed class PlainRelu : PlainLayer
{
    public override void Run(ReadOnlySpan<LimbTensor> sources, LimbTensor target, Workspace workspace)
    {
        LimbTensor source = sources[0];
        ReadOnlySpan<int> top = source.Top;
        for (int i = 0; i < target.Limbs; i++)
        {
            KeepWhereNotNegative(source.Limb(i), top, target.Limb(i));
        }
    }

    private static void KeepWhereNotNegative(ReadOnlySpan<int> values, ReadOnlySpan<int> signs, Span<int> result)
    {
        ReadOnlySpan<Vector<int>> wideValues = MemoryMarshal.Cast<int, Vector<int>>(values);
        ReadOnlySpan<Vector<int>> wideSigns = MemoryMarshal.Cast<int, Vector<int>>(signs);
        Span<Vector<int>> wideResult = MemoryMarshal.Cast<int, Vector<int>>(result);
        for (int i = 0; i < wideResult.Length; i++)
        {
            wideResult[i] = Vector.AndNot(wideValues[i], wideSigns[i] >> 31);
        }

        for (int i = wideResult.Length * Vector<int>.Count; i < result.Length; i++)
        {
            result[i] = values[i] & ~(signs[i] >> 31);
        }
    }
}

/// <summary>1 where x ≥ 0, else 0.</summary>
internal sealed class PlainSign : PlainLayer
{
    public override void Run(ReadOnlySpan<LimbTensor> sources, LimbTensor target, Workspace workspace)
    {
        LimbTensor source = sources[0];
        ReadOnlySpan<int> top = source.Top;
        Span<int> result = target.Limb(0);
        for (int i = 0; i < result.Length; i++)
        {
            result[i] = 1 + (top[i] >> 31);
        }

        for (int i = 1; i < target.Limbs; i++)
        {
            target.Limb(i).Clear();
        }
    }
}

/// <summary>x².</summary>
internal sealed class PlainSquare : PlainLayer
{
    public override void Run(ReadOnlySpan<LimbTensor> sources, LimbTensor target, Workspace workspace)
    {
        LimbTensor source = sources[0];
        Span<uint> magnitude = stackalloc uint[source.Limbs];
        Span<uint> square = stackalloc uint[target.Limbs];
        for (int i = 0; i < source.Count; i++)
        {
            ReadMagnitude(source, i, magnitude);
            Square(magnitude, square);
            for (int limb = 0; limb < square.Length; limb++)
            {
                target.Limb(limb)[i] = (int)square[limb];
            }
        }
    }

    private static void ReadMagnitude(LimbTensor source, int index, Span<uint> magnitude)
    {
        uint flip = (uint)(source.Top[index] >> 31);
        ulong carry = flip & 1;
        for (int limb = 0; limb < magnitude.Length; limb++)
        {
            carry += (uint)source.Limb(limb)[index] ^ flip;
            magnitude[limb] = (uint)carry;
            carry >>= LimbTensor.LimbBits;
        }
    }

    /// <summary>result = value² modulo what result holds; its limbs may be fewer or more than the product's.</summary>
    private static void Square(ReadOnlySpan<uint> value, Span<uint> result)
    {
        result.Clear();
        for (int i = 0; i < Math.Min(value.Length, result.Length); i++)
        {
            ulong carry = 0;
            for (int j = 0; i + j < result.Length; j++)
            {
                carry += result[i + j];
                carry += j < value.Length ? (ulong)value[i] * value[j] : 0;
                result[i + j] = (uint)carry;
                carry >>= LimbTensor.LimbBits;
            }
        }
    }
}

/// <summary>min(max(x, 0), cap) with a cap for each channel.</summary>
internal sealed class PlainClip : PlainLayer
{
    /// <summary>The limbs of each channel's cap, lowest first; null where the integers never exceed it.</summary>
    private readonly uint[]?[] _caps;

    public PlainClip(ClipLayer layer, int sourceLimbs) =>
        _caps = Array.ConvertAll(
            layer.Caps, cap => LimbTensor.LimbsFor(cap) > sourceLimbs ? null : LimbsOf(cap, sourceLimbs));

    public override void Run(ReadOnlySpan<LimbTensor> sources, LimbTensor target, Workspace workspace)
    {
        LimbTensor source = sources[0];
        int area = source.Shape.Area;
        for (int i = 0; i < source.Count; i++)
        {
            uint[]? cap = _caps[i / area % _caps.Length];
            bool isNegative = source.Top[i] < 0;
            bool isAbove = cap is not null && !isNegative && IsAbove(source, i, cap);
            for (int limb = 0; limb < target.Limbs; limb++)
            {
                target.Limb(limb)[i] = isNegative ? 0 : isAbove ? (int)cap![limb] : source.Limb(limb)[i];
            }
        }
    }

    private static bool IsAbove(LimbTensor source, int index, uint[] cap)
    {
        int limb = cap.Length - 1;
        while (limb > 0 && (uint)source.Limb(limb)[index] == cap[limb])
        {
            limb--;
        }

        return (uint)source.Limb(limb)[index] > cap[limb];
    }

    private static uint[] LimbsOf(BigInteger value, int count)
    {
        var limbs = new uint[count];
        value.TryWriteBytes(MemoryMarshal.AsBytes(limbs.AsSpan()), out _);
        return limbs;
    }
}

/// <summary>⌊x / 2^shift⌋, and with saturation max(0, ·) of it, cut to so many bits of ones.</summary>
internal sealed class PlainShift(int shift, int saturationBits) : PlainLayer
{
    public override void Run(ReadOnlySpan<LimbTensor> sources, LimbTensor target, Workspace workspace)
    {
        LimbTensor source = sources[0];
        for (int limb = 0; limb < target.Limbs; limb++)
        {
            Shift(source, shift + limb * LimbTensor.LimbBits, target.Limb(limb));
            if (saturationBits > 0)
            {
                Saturate(source, saturationBits - limb * LimbTensor.LimbBits, target.Limb(limb));
            }
        }
    }

    /// <summary>The limb that stands <paramref name="from"/> bits above the lowest bit.</summary>
    private static void Shift(LimbTensor source, int from, Span<int> result)
    {
        (int limb, int bits) = Math.DivRem(from, LimbTensor.LimbBits);
        if (limb >= source.Limbs - 1)
        {
            ShiftTop(source.Top, limb == source.Limbs - 1 ? bits : LimbTensor.LimbBits - 1, result);
            return;
        }

        ReadOnlySpan<int> low = source.Limb(limb), high = source.Limb(limb + 1);
        ReadOnlySpan<Vector<int>> wideLow = MemoryMarshal.Cast<int, Vector<int>>(low);
        ReadOnlySpan<Vector<int>> wideHigh = MemoryMarshal.Cast<int, Vector<int>>(high);
        Span<Vector<int>> wideResult = MemoryMarshal.Cast<int, Vector<int>>(result);
        int above = LimbTensor.LimbBits - 1 - bits; // and one more, because no number is shifted by 32
        for (int i = 0; i < wideResult.Length; i++)
        {
            wideResult[i] = wideLow[i] >>> bits | wideHigh[i] << above << 1;
        }

        for (int i = wideResult.Length * Vector<int>.Count; i < result.Length; i++)
        {
            result[i] = low[i] >>> bits | high[i] << above << 1;
        }
    }

    private static void ShiftTop(ReadOnlySpan<int> top, int bits, Span<int> result)
    {
        ReadOnlySpan<Vector<int>> wideTop = MemoryMarshal.Cast<int, Vector<int>>(top);
        Span<Vector<int>> wideResult = MemoryMarshal.Cast<int, Vector<int>>(result);
        for (int i = 0; i < wideResult.Length; i++)
        {
            wideResult[i] = wideTop[i] >> bits;
        }

        for (int i = wideResult.Length * Vector<int>.Count; i < result.Length; i++)
        {
            result[i] = top[i] >> bits;
        }
    }

    /// <summary>
    /// A shifted limb of which <paramref name="kept"/> bits may stay: all of them set where x is above, none where it
    /// is negative.
    /// </summary>
    private void Saturate(LimbTensor source, int kept, Span<int> result)
    {
        int ones = kept >= LimbTensor.LimbBits ? -1 : kept <= 0 ? 0 : (1 << kept) - 1;
        (int firstAbove, int bits) = Math.DivRem(shift + saturationBits, LimbTensor.LimbBits);
        int i = 0;
        for (; i + Vector<int>.Count <= result.Length; i += Vector<int>.Count)
        {
            Vector<int> above = Vector<int>.Zero;
            for (int limb = firstAbove; limb < source.Limbs; limb++)
            {
                Vector<int> next = Vector.Create<int>(source.Limb(limb)[i..]);
                above |= limb == firstAbove ? next >>> bits : next;
            }

            Vector<int> negative = Vector.Create<int>(source.Top[i..]) >> 31;
            Vector<int> saturated = Vector.Create<int>(result[i..]) | ~Vector.Equals(above, Vector<int>.Zero);
            (Vector.AndNot(saturated, negative) & Vector.Create(ones)).CopyTo(result[i..]);
        }

        for (; i < result.Length; i++)
        {
            int above = 0;
            for (int limb = firstAbove; limb < source.Limbs; limb++)
            {
                above |= limb == firstAbove ? source.Limb(limb)[i] >>> bits : source.Limb(limb)[i];
            }

            result[i] = (result[i] | (above == 0 ? 0 : -1)) & ~(source.Top[i] >> 31) & ones;
        }
    }
}

/// <summary>x / 2^shift, rounded to the nearest integer, halves up.</summary>
internal sealed class PlainRescale(int shift) : PlainLayer
{
    public override void Run(ReadOnlySpan<LimbTensor> sources, LimbTensor target, Workspace workspace)
    {
        LimbTensor source = sources[0];
        (int whole, int bits) = Math.DivRem(shift, LimbTensor.LimbBits);
        (int halfLimb, int halfBit) = Math.DivRem(shift - 1, LimbTensor.LimbBits);
        for (int i = 0; i < source.Count; i++)
        {
            ulong sum = (uint)source.ExtendedLimb(halfLimb, i) >> halfBit & 1;
            for (int limb = 0; limb < target.Limbs; limb++)
            {
                uint low = (uint)source.ExtendedLimb(whole + limb, i);
                uint high = (uint)source.ExtendedLimb(whole + limb + 1, i);
                sum += (uint)(((ulong)high << LimbTensor.LimbBits | low) >> bits);
                target.Limb(limb)[i] = (int)sum;
                sum >>= LimbTensor.LimbBits;
            }
        }
    }
}
