namespace Popcorn.Engine.Evaluation;

/// <summary>Where a tap looks along one side of a plane.</summary>
/// <param name="Comb">Number of the comb that it sees, by <see cref="RingAxis.Combs"/>; −1: it sees nothing.</param>
/// <param name="Shift">What the first output sees of it; the next one sees the next.</param>
internal readonly record struct RingTap(int Comb, int Shift)
{
    /// <summary>Whether it sees anything of the plane from any output.</summary>
    public bool IsSeen => Comb >= 0;
}

/// <summary>
/// How windows slide along one side of a plane: positions are dealt to combs by their remainder modulo the stride, so
/// that what a tap sees from neighbouring outputs are neighbours in one comb.
/// </summary>
/// <param name="Stride">The window's stride.</param>
/// <param name="Size">The plane's size.</param>
/// <param name="First">Number of the first position of a comb that is laid out, in strides.</param>
/// <param name="Length">Positions of a comb that are laid out.</param>
/// <param name="Combs">The remainders that some tap sees.</param>
/// <param name="Taps">All taps.</param>
internal sealed record RingAxis(int Stride, int Size, int First, int Length, int[] Combs, RingTap[] Taps)
{
    /// <summary>Different places that taps see.</summary>
    public int Seen => Taps.Count(tap => tap.IsSeen);

    /// <summary>An axis of a window.</summary>
    public static RingAxis Of(int kernel, int stride, int dilation, int pad, int outputs, int size)
    {
        // Taps that see nothing would make the axis longer than need be.
        int[] places = [.. Enumerable.Range(0, kernel).Select(tap => tap * dilation - pad)];
        int[] seen = [.. places.Where(IsSeen)];
        int[] combs = [.. seen.Select(place => place - Floor(place) * stride).Distinct().Order()];
        int first = seen.Length == 0 ? 0 : Floor(seen.Min()), last = seen.Length == 0 ? 0 : Floor(seen.Max());
        return new RingAxis(stride, size, first, outputs + last - first, combs, [.. places.Select(Tap)]);

        RingTap Tap(int place) => IsSeen(place)
            ? new RingTap(Array.IndexOf(combs, place - Floor(place) * stride), Floor(place) - first)
            : new RingTap(-1, 0);

        bool IsSeen(int place)
        {
            int output = Math.Max(0, (stride - 1 - place) / stride);
            return output < outputs && output * stride + place < size;
        }

        int Floor(int place) => place >= 0 ? place / stride : -((stride - 1 - place) / stride);
    }

    /// <summary>Position in the plane of what is laid out; it may lie outside.</summary>
    public int PositionOf(int index, int comb) => (First + index) * Stride + comb;

    /// <summary>What is laid out of a comb that lies in the plane: from a begin on, up to an end.</summary>
    public (int Begin, int End) Inside(int comb)
    {
        int begin = Math.Clamp(-First, 0, Length);
        int end = Math.Clamp((Size - comb + Stride - 1) / Stride - First, begin, Length);
        return (begin, end);
    }
}
