using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace Popcorn.ObliviousTransfer.Bits;

/// <summary>Numbers to bit planes and back, 64 items at a time.</summary>
internal static class PlaneTranspose
{
    private const int Batch = 64;

    /// <summary>The lowest bits of numbers, one an item.</summary>
    /// <param name="values">As many as items.</param>
    /// <param name="planes">Up to 64 planes.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void ToPlanes(ReadOnlySpan<ulong> values, BitPlanes planes)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(values.Length, planes.Items, nameof(values));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(planes.Count, Batch, nameof(planes));
        Span<ulong> square = stackalloc ulong[Batch];
        for (int item = 0; item < values.Length; item += Batch)
        {
            scoped ReadOnlySpan<ulong> some = values[item..Math.Min(item + Batch, values.Length)];
            if (some.Length < Batch)
            {
                square.Clear();
                some.CopyTo(square);
                some = square;
            }

            BitTransposition.Transpose64(ref MemoryMarshal.GetReference(some), 1, square);
            CopyTo(square, planes, item / Batch);
        }

        CryptographicOperations.ZeroMemory(MemoryMarshal.AsBytes(square));
    }

    /// <summary>Numbers of as many bits as there are planes.</summary>
    /// <param name="planes">Up to 64 planes.</param>
    /// <param name="values">Filled; as many as items.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void FromPlanes(BitPlanes planes, Span<ulong> values)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(values.Length, planes.Items, nameof(values));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(planes.Count, Batch, nameof(planes));
        Span<ulong> square = stackalloc ulong[Batch];
        ReadOnlySpan<ulong> all = planes.Span;
        for (int item = 0; item < values.Length; item += Batch)
        {
            for (int plane = 0; plane < planes.Count; plane++)
            {
                square[plane] = all[(plane * planes.Words) + (item / Batch)];
            }

            square[planes.Count..].Clear();
            BitTransposition.Transpose64(ref square[0], 1, square);
            Span<ulong> some = values[item..Math.Min(item + Batch, values.Length)];
            square[..some.Length].CopyTo(some);
        }

        CryptographicOperations.ZeroMemory(MemoryMarshal.AsBytes(square));
    }

    /// <summary>One word of each plane, from the first words of a square.</summary>
    /// <param name="square">As many words as planes, or more.</param>
    /// <param name="planes">The planes.</param>
    /// <param name="word">Which of their words.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void CopyTo(ReadOnlySpan<ulong> square, BitPlanes planes, int word)
    {
        Span<ulong> all = planes.Span;
        for (int plane = 0, at = word; plane < planes.Count; plane++, at += planes.Words)
        {
            all[at] = square[plane];
        }
    }
}
