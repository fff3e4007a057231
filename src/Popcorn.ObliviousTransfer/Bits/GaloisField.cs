using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Popcorn.ObliviousTransfer.Bits;

/// <summary>GF(2^128) = GF(2)[X] / (X^128 + X^7 + X^2 + X + 1), in constant time.</summary>
internal static class GaloisField
{
    /// <summary>X times a.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Block Double(Block a)
    {
        // The bit that leaves the low half goes to the high one, that which leaves the high one comes back as 0x87.
        Block carries = Vector128.Shuffle(a >>> 63, Vector128.Create(1ul, 0));
        return (a << 1) ^ ((Block.Zero - carries) & Vector128.Create(0x87ul, 1));
    }

    /// <summary>j(X) times a, for a j of a few bits that is public.</summary>
    public static Block Multiply(int j, Block a)
    {
        Block product = default;
        for (; j != 0; j >>= 1, a = Double(a))
        {
            if ((j & 1) != 0)
            {
                product ^= a;
            }
        }

        return product;
    }
}
