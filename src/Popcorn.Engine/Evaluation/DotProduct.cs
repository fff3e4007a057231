using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Popcorn.Engine.Evaluation;

/// <summary>
/// The inner loop of all linear layers: sums += Σ weight · row, for rows of as many numbers as there are sums, and for
/// two outputs at once, which share the reading of the rows. The numbers are <see cref="short"/> or <see cref="long"/>,
/// which wrap, or <see cref="float"/> or <see cref="double"/>, which are exact as long as every partial sum is an
/// integer that they hold.
/// </summary>
internal static class DotProduct
{
    /// <summary>Vectors of each output's sums that are held in registers at once.</summary>
    public const int Vectors = 4;

    /// <summary>Outputs at once.</summary>
    public const int Outputs = 2;

    /// <summary>Adds weighted rows to the sums of two outputs.</summary>
    /// <param name="weights">For every row the weights of both outputs.</param>
    /// <param name="offsets">Where in <paramref name="panel"/> each row begins.</param>
    /// <param name="panel">All rows.</param>
    /// <param name="first">Whole vectors of sums of one output.</param>
    /// <param name="second">Those of the other.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Accumulate<T>(
        ReadOnlySpan<T> weights, ReadOnlySpan<int> offsets, ReadOnlySpan<T> panel, Span<T> first, Span<T> second)
        where T : unmanaged
    {
        int width = Vector512<T>.Count;
        Debug.Assert(weights.Length == Outputs * offsets.Length, "Every row has two weights.");
        Debug.Assert(first.Length == second.Length && first.Length % width == 0, "Sums fill whole vectors.");
        ref T rows = ref MemoryMarshal.GetReference(panel);
        ref T factors = ref MemoryMarshal.GetReference(weights);
        int lane = 0;
        for (; lane + Vectors * width <= first.Length; lane += Vectors * width)
        {
            ref T sums = ref Unsafe.Add(ref MemoryMarshal.GetReference(first), lane);
            ref T others = ref Unsafe.Add(ref MemoryMarshal.GetReference(second), lane);
            Vector512<T> s0 = Vector512.LoadUnsafe(ref sums);
            Vector512<T> s1 = Vector512.LoadUnsafe(ref sums, (nuint)width);
            Vector512<T> s2 = Vector512.LoadUnsafe(ref sums, (nuint)(2 * width));
            Vector512<T> s3 = Vector512.LoadUnsafe(ref sums, (nuint)(3 * width));
            Vector512<T> o0 = Vector512.LoadUnsafe(ref others);
            Vector512<T> o1 = Vector512.LoadUnsafe(ref others, (nuint)width);
            Vector512<T> o2 = Vector512.LoadUnsafe(ref others, (nuint)(2 * width));
            Vector512<T> o3 = Vector512.LoadUnsafe(ref others, (nuint)(3 * width));
            for (int i = 0; i < offsets.Length; i++)
            {
                Debug.Assert((uint)(offsets[i] + first.Length) <= (uint)panel.Length, "A row lies outside the panel.");
                ref T row = ref Unsafe.Add(ref rows, offsets[i] + lane);
                Vector512<T> r0 = Vector512.LoadUnsafe(ref row);
                Vector512<T> r1 = Vector512.LoadUnsafe(ref row, (nuint)width);
                Vector512<T> r2 = Vector512.LoadUnsafe(ref row, (nuint)(2 * width));
                Vector512<T> r3 = Vector512.LoadUnsafe(ref row, (nuint)(3 * width));
                Vector512<T> weight = Vector512.Create(Unsafe.Add(ref factors, Outputs * i));
                Vector512<T> other = Vector512.Create(Unsafe.Add(ref factors, Outputs * i + 1));
                s0 = AddProduct(s0, weight, r0);
                s1 = AddProduct(s1, weight, r1);
                s2 = AddProduct(s2, weight, r2);
                s3 = AddProduct(s3, weight, r3);
                o0 = AddProduct(o0, other, r0);
                o1 = AddProduct(o1, other, r1);
                o2 = AddProduct(o2, other, r2);
                o3 = AddProduct(o3, other, r3);
            }

            s0.StoreUnsafe(ref sums);
            s1.StoreUnsafe(ref sums, (nuint)width);
            s2.StoreUnsafe(ref sums, (nuint)(2 * width));
            s3.StoreUnsafe(ref sums, (nuint)(3 * width));
            o0.StoreUnsafe(ref others);
            o1.StoreUnsafe(ref others, (nuint)width);
            o2.StoreUnsafe(ref others, (nuint)(2 * width));
            o3.StoreUnsafe(ref others, (nuint)(3 * width));
        }

        for (; lane < first.Length; lane += width)
        {
            ref T sums = ref Unsafe.Add(ref MemoryMarshal.GetReference(first), lane);
            ref T others = ref Unsafe.Add(ref MemoryMarshal.GetReference(second), lane);
            Vector512<T> s = Vector512.LoadUnsafe(ref sums);
            Vector512<T> o = Vector512.LoadUnsafe(ref others);
            for (int i = 0; i < offsets.Length; i++)
            {
                Debug.Assert((uint)(offsets[i] + first.Length) <= (uint)panel.Length, "A row lies outside the panel.");
                Vector512<T> r = Vector512.LoadUnsafe(ref Unsafe.Add(ref rows, offsets[i] + lane));
                s = AddProduct(s, Vector512.Create(Unsafe.Add(ref factors, Outputs * i)), r);
                o = AddProduct(o, Vector512.Create(Unsafe.Add(ref factors, Outputs * i + 1)), r);
            }

            s.StoreUnsafe(ref sums);
            o.StoreUnsafe(ref others);
        }
    }

    /// <summary>One instruction for the two floating-point types; the rounding that it spares rounds nothing.</summary>
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
