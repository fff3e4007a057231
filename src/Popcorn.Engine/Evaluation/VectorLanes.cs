using System.Numerics;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Popcorn.Engine.Evaluation;

/// <summary>Conversions between limbs and the numbers that linear layers compute with, several at once.</summary>
internal static class VectorLanes
{
    /// <summary>Limbs as signed numbers.</summary>
    public static void FromSigned<T>(ReadOnlySpan<int> limbs, Span<T> numbers)
        where T : unmanaged, INumber<T>
    {
        int i = 0;
        for (; i + Vector256<int>.Count <= limbs.Length; i += Vector256<int>.Count)
        {
            Vector256<int> next = Vector256.Create(limbs[i..]);
            if (typeof(T) == typeof(double) && Avx512F.IsSupported)
            {
                Avx512F.ConvertToVector512Double(next).As<double, T>().CopyTo(numbers[i..]);
            }
            else if (typeof(T) == typeof(float))
            {
                Vector256.ConvertToSingle(next).As<float, T>().CopyTo(numbers[i..]);
            }
            else if (typeof(T) == typeof(short))
            {
                Vector128.Narrow(next.GetLower(), next.GetUpper()).As<short, T>().CopyTo(numbers[i..]);
            }
            else
            {
                break;
            }
        }

        for (; i < limbs.Length; i++)
        {
            numbers[i] = T.CreateTruncating(limbs[i]);
        }
    }

    /// <summary>Limbs as unsigned numbers.</summary>
    public static void FromUnsigned<T>(ReadOnlySpan<int> limbs, Span<T> numbers)
        where T : unmanaged, INumber<T>
    {
        int i = 0;
        if (typeof(T) == typeof(double) && Avx512F.IsSupported)
        {
            for (; i + Vector256<int>.Count <= limbs.Length; i += Vector256<int>.Count)
            {
                Vector256<uint> next = Vector256.Create(limbs[i..]).AsUInt32();
                Avx512F.ConvertToVector512Double(next).As<double, T>().CopyTo(numbers[i..]);
            }
        }

        for (; i < limbs.Length; i++)
        {
            numbers[i] = T.CreateTruncating((uint)limbs[i]);
        }
    }

    /// <summary>Whole vectors of numbers, all of them integers, as long integers.</summary>
    public static void ToLong<T>(ReadOnlySpan<T> numbers, Span<long> result)
        where T : unmanaged
    {
        for (int i = 0; i < numbers.Length; i += Vector512<T>.Count)
        {
            Vector512<T> next = Vector512.Create(numbers[i..]);
            if (typeof(T) == typeof(long))
            {
                next.AsInt64().CopyTo(result[i..]);
            }
            else if (typeof(T) == typeof(double))
            {
                Vector512.ConvertToInt64Native(next.AsDouble()).CopyTo(result[i..]);
            }
            else if (typeof(T) == typeof(float))
            {
                Widen(Vector512.ConvertToInt32Native(next.AsSingle()), result[i..]);
            }
            else
            {
                (Vector512<int> lower, Vector512<int> upper) = Vector512.Widen(next.AsInt16());
                Widen(lower, result[i..]);
                Widen(upper, result[(i + Vector512<int>.Count)..]);
            }
        }
    }

    /// <summary>The lowest limb of each of some integers.</summary>
    public static void ToLimbs(ReadOnlySpan<long> numbers, Span<int> limbs)
    {
        int i = 0;
        for (; i + Vector256<int>.Count <= limbs.Length; i += Vector256<int>.Count)
        {
            Vector512<long> next = Vector512.Create(numbers[i..]);
            Vector256.Narrow(next.GetLower(), next.GetUpper()).CopyTo(limbs[i..]);
        }

        for (; i < limbs.Length; i++)
        {
            limbs[i] = (int)numbers[i];
        }
    }

    /// <summary>Numbers plus others modulo 2^64; what is narrower than that has arbitrary bits above.</summary>
    /// <param name="numbers"><see cref="int"/> or <see cref="long"/>.</param>
    /// <param name="others">As many, or one for all.</param>
    /// <param name="result">The sums.</param>
    public static void AddTo<T>(ReadOnlySpan<T> numbers, ReadOnlySpan<ulong> others, Span<ulong> result)
        where T : unmanaged, INumber<T>
    {
        bool isOne = others.Length == 1;
        int step = Vector512<ulong>.Count, i = 0;
        Vector512<ulong> all = Vector512.Create(others[0]);
        for (; i + step <= numbers.Length; i += step)
        {
            Vector512<ulong> next = typeof(T) == typeof(int)
                ? Vector512.WidenLower(Vector256.Create(numbers[i..]).AsUInt32().ToVector512Unsafe())
                : Vector512.Create(numbers[i..]).AsUInt64();
            (next + (isOne ? all : Vector512.Create(others[i..]))).CopyTo(result[i..]);
        }

        for (; i < numbers.Length; i++)
        {
            result[i] = ulong.CreateTruncating(numbers[i]) + others[isOne ? 0 : i];
        }
    }

    private static void Widen(Vector512<int> numbers, Span<long> result)
    {
        (Vector512<long> lower, Vector512<long> upper) = Vector512.Widen(numbers);
        lower.CopyTo(result);
        upper.CopyTo(result[Vector512<long>.Count..]);
    }
}
