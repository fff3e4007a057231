using Popcorn.ObliviousTransfer.Bits;

namespace Popcorn.ObliviousTransfer.Correlations;

/// <summary>A chosen transfer out of a random one: the receiver has sent its bit ⊕ σ.</summary>
internal static class BothPads
{
    /// <summary>Adds m_δ to the message of 0 and m_(1 ⊕ δ) to that of 1.</summary>
    /// <param name="both">m₀, m₁.</param>
    /// <param name="correction">δ.</param>
    /// <param name="first">The message of 0.</param>
    /// <param name="second">The message of 1.</param>
    /// <param name="scratch">As wide as a message.</param>
    public static void Add(BitPlanes both, BitPlanes correction, BitPlanes first, BitPlanes second, BitPlanes scratch)
    {
        int width = first.Count;
        BitPlanes m0 = both.Slice(0, width), m1 = both.Slice(width, width);
        PlaneArithmetic.Select(correction, m1, m0, scratch);
        PlaneArithmetic.Add(first, scratch, first);
        PlaneArithmetic.Select(correction, m0, m1, scratch);
        PlaneArithmetic.Add(second, scratch, second);
    }
}
