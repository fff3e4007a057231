using Popcorn.ObliviousTransfer.Bits;
using Popcorn.ObliviousTransfer.Correlations;
using Popcorn.ObliviousTransfer.Flows;

namespace Popcorn.ObliviousTransfer.Tests.Correlations;

/// <summary>
/// Every outcome of all random transfers, each once: item i takes its pads and choices from the bits of i.
/// </summary>
/// <param name="self">Whose side.</param>
/// <param name="repeatAfter">After so many bits they begin again, which no real source does.</param>
internal sealed class EnumeratedPads(Party self, int repeatAfter = 64) : IPadSource
{
    private int _bits;

    public Party Self => self;

    public void Send(PadUse use, int choiceBits, int width, BitPlanes pads)
    {
        int first = Next(choiceBits, width);
        CopyBits(first, pads);
    }

    public void Receive(PadUse use, int choiceBits, int width, BitPlanes choices, BitPlanes pad)
    {
        int first = Next(choiceBits, width), choice = first + (width << choiceBits);
        CopyBits(choice, choices);
        for (int i = 0; i < pad.Items; i++)
        {
            int chosen = i >> choice & ((1 << choiceBits) - 1);
            for (int bit = 0; bit < width; bit++)
            {
                SetBit(pad, bit, i, i >> (first + (chosen * width) + bit));
            }
        }
    }

    /// <summary>Plane p becomes bit first + p of the items' numbers.</summary>
    public static void CopyBits(int first, BitPlanes planes)
    {
        for (int plane = 0; plane < planes.Count; plane++)
        {
            for (int i = 0; i < planes.Items; i++)
            {
                SetBit(planes, plane, i, i >> (first + plane));
            }
        }
    }

    private static void SetBit(BitPlanes planes, int plane, int item, int bit)
    {
        ref ulong word = ref planes[plane][item / 64];
        word = (word & ~(1ul << (item % 64))) | ((ulong)(bit & 1) << (item % 64));
    }

    private int Next(int choiceBits, int width)
    {
        int first = _bits % repeatAfter;
        _bits += (width << choiceBits) + choiceBits;
        return first;
    }
}
