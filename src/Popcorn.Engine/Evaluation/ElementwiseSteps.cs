using System.Numerics;
using System.Runtime.InteropServices;

namespace Popcorn.Engine.Evaluation;

/// <summary>max(x, 0): where the highest limb is negative, all limbs become 0.</summary>
internal sealed class ReluStep : Step
{
    public override void Run(LimbTensor source, LimbTensor target)
    {
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
internal sealed class SignStep : Step
{
    public override void Run(LimbTensor source, LimbTensor target)
    {
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
internal sealed class SquareStep : Step
{
    public override void Run(LimbTensor source, LimbTensor target)
    {
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
