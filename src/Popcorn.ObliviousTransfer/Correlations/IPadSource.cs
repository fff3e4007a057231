using Popcorn.ObliviousTransfer.Bits;
using Popcorn.ObliviousTransfer.Flows;

namespace Popcorn.ObliviousTransfer.Correlations;

/// <summary>What pads are made for: keys of different uses have nothing in common.</summary>
internal enum PadUse : byte
{
    /// <summary>The base transfers of direction 1.</summary>
    Derive = 0,

    /// <summary>Random transfers.</summary>
    Rot = 1,

    /// <summary>Tables of which one entry is opened.</summary>
    OneOfMany = 2,

    /// <summary>Triples of bits.</summary>
    Triple = 3,

    /// <summary>Products.</summary>
    Product = 4,
}

/// <summary>
/// Random transfers of pads, for many items at once: one party (the sender) gets 2^m pads an item, the other (the
/// receiver) a random choice of m bits and the one pad that it says. Both parties call the same in the same order. It
/// is made of COTs; tests have an ideal one.
/// </summary>
internal interface IPadSource
{
    /// <summary>Which party this is.</summary>
    Party Self { get; }

    /// <summary>This party is the sender.</summary>
    /// <param name="use">What the pads are for.</param>
    /// <param name="choiceBits">m, 1 to 4.</param>
    /// <param name="width">Bits of a pad, 1 to 64.</param>
    /// <param name="pads">Filled: plane j·width + b holds bit b of pad j. As many items as wanted.</param>
    void Send(PadUse use, int choiceBits, int width, BitPlanes pads);

    /// <summary>This party is the receiver.</summary>
    /// <param name="use">What the pads are for.</param>
    /// <param name="choiceBits">m, 1 to 4.</param>
    /// <param name="width">Bits of a pad, 1 to 64.</param>
    /// <param name="choices">Filled: m planes.</param>
    /// <param name="pad">Filled: width planes of the chosen pad.</param>
    void Receive(PadUse use, int choiceBits, int width, BitPlanes choices, BitPlanes pad);
}
