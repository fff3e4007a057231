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
