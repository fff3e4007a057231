using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Popcorn.Engine.Evaluation;

/// <summary>
/// The inner loop of all linear layers: sums += Σ weight · row, for rows of as many numbers as there are sums. The
/// numbers are <see cref="short"/> or <see cref="long"/>, which wrap, or <see cref="float"/> or <see cref="double"/>,
/// which are exact as long as every partial sum is an integer that they hold.
/// </summary>
internal static class DotProduct
{
    /// <summary>Vectors of sums that are held in registers at once.</summary>
    public const int Vectors = 4;

    /// <summary>Adds weighted rows to sums.</summary>
    /// <param name="weights">The weights that are not zero.</param>
    /// <param name="offsets">Where in <paramref name="panel"/> the row of each weight begins.</param>
    /// <param name="panel">All rows.</param>
    /// <param name="sums">Whole vectors of sums.</param>
    public static void Accumulate<T>(
        ReadOnlySpan<T> weights, ReadOnlySpan<int> offsets, ReadOnlySpan<T> panel, Span<T> sums)
        where T : unmanaged
    {
        int width = Vector512<T>.Count;
        Debug.Assert(weights.Length == offsets.Length && sums.Length % width == 0, "Lengths do not fit.");
        ref T rows = ref MemoryMarshal.GetReference(panel);
        ref T result = ref MemoryMarshal.GetReference(sums);
        int lane = 0;
        for (; lane + Vectors * width <= sums.Length; lane += Vectors * width)
        {
            ref T target = ref Unsafe.Add(ref result, lane);
            Vector512<T> s0 = Vector512.LoadUnsafe(ref target);
            Vector512<T> s1 = Vector512.LoadUnsafe(ref target, (nuint)width);
            Vector512<T> s2 = Vector512.LoadUnsafe(ref target, (nuint)(2 * width));
            Vector512<T> s3 = Vector512.LoadUnsafe(ref target, (nuint)(3 * width));
            for (int i = 0; i < weights.Length; i++)
            {
                Debug.Assert((uint)(offsets[i] + sums.Length) <= (uint)panel.Length, "A row lies outside the panel.");
                ref T row = ref Unsafe.Add(ref rows, offsets[i] + lane);
                Vector512<T> weight = Vector512.Create(weights[i]);
                s0 = AddProduct(s0, weight, Vector512.LoadUnsafe(ref row));
                s1 = AddProduct(s1, weight, Vector512.LoadUnsafe(ref row, (nuint)width));
                s2 = AddProduct(s2, weight, Vector512.LoadUnsafe(ref row, (nuint)(2 * width)));
                s3 = AddProduct(s3, weight, Vector512.LoadUnsafe(ref row, (nuint)(3 * width)));
            }

            s0.StoreUnsafe(ref target);
            s1.StoreUnsafe(ref target, (nuint)width);
            s2.StoreUnsafe(ref target, (nuint)(2 * width));
            s3.StoreUnsafe(ref target, (nuint)(3 * width));
        }

        for (; lane < sums.Length; lane += width)
        {
            ref T target = ref Unsafe.Add(ref result, lane);
            Vector512<T> sum = Vector512.LoadUnsafe(ref target);
            for (int i = 0; i < weights.Length; i++)
            {
                Debug.Assert((uint)(offsets[i] + sums.Length) <= (uint)panel.Length, "A row lies outside the panel.");
                ref T row = ref Unsafe.Add(ref rows, offsets[i] + lane);
                sum = AddProduct(sum, Vector512.Create(weights[i]), Vector512.LoadUnsafe(ref row));
            }

            sum.StoreUnsafe(ref target);
        }
    }

    /// <summary>One instruction for the two floating-point types; the roundings that it spares are none.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<T> AddProduct<T>(Vector512<T> sum, Vector512<T> weight, Vector512<T> row)
    {
        if (typeof(T) == typeof(double))
        {
            return Vector512.FusedMultiplyAdd(weight.AsDouble(), row.AsDouble(), sum.AsDouble()).As<double, T>();
        }

        if (typeof(T) == typeof(float))
        {
            return Vector512.FusedMultiplyAdd(weight.AsSingle(), row.AsSingle(), sum.AsSingle()).As<float, T>();
        }

        return sum + weight * row;
    }
}
