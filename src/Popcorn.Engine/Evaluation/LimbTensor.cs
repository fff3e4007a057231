using System.Numerics;
using System.Runtime.InteropServices;
using Popcorn.Engine.Model;

namespace Popcorn.Engine.Evaluation;

/// <summary>
/// A value of the network for a tile of images: integers in two's complement, each cut into 32-bit limbs. All lowest
/// limbs come first, then all second ones, …; within a limb image by image, each channel by channel, row by row. So a
/// value of one limb is an array of <see cref="int"/>, and wide values are computed limb by limb with the same code.
/// </summary>
/// <param name="data">Room for all limbs.</param>
/// <param name="shape">Shape of one image's value.</param>
/// <param name="limbs">Limbs of an element.</param>
/// <param name="images">Images of the tile.</param>
internal readonly struct LimbTensor(int[] data, Shape shape, int limbs, int images)
{
    /// <summary>Bits of a limb.</summary>
    public const int LimbBits = 32;

    /// <summary>Shape of one image's value.</summary>
    public Shape Shape => shape;

    /// <summary>Limbs of an element.</summary>
    public int Limbs => limbs;

    /// <summary>Images of the tile.</summary>
    public int Images => images;

    /// <summary>Elements of all images.</summary>
    public int Count { get; } = images * shape.Size;

    /// <summary>Limbs that hold every integer of the intervals.</summary>
    public static int LimbsFor(IEnumerable<Interval> intervals) =>
        intervals.Max(x => Math.Max(LimbsFor(x.Low), LimbsFor(x.High)));

    /// <summary>Limbs that hold a number and its sign.</summary>
    public static int LimbsFor(BigInteger value) => checked((int)(value.GetBitLength() / LimbBits) + 1);

    /// <summary>
    /// One limb of every element; the highest one is signed, the others are bits of a <see cref="uint"/>.
    /// </summary>
    public Span<int> Limb(int index) => data.AsSpan(index * Count, Count);

    /// <summary>The highest limb of every element: its sign is the element's.</summary>
    public Span<int> Top => Limb(Limbs - 1);

    /// <summary>A limb of an element, also of those above the highest, which repeat its sign.</summary>
    public int ExtendedLimb(int limb, int index) => limb < Limbs ? Limb(limb)[index] : Top[index] >> 31;

    /// <summary>One element.</summary>
    public BigInteger this[int image, int index]
    {
        get
        {
            Span<int> limbs = stackalloc int[Limbs];
            for (int i = 0; i < limbs.Length; i++)
            {
                limbs[i] = Limb(i)[image * Shape.Size + index];
            }

            return new BigInteger(MemoryMarshal.AsBytes(limbs));
        }
    }
}
