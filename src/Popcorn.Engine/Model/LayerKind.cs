namespace Popcorn.Engine.Model;

/// <summary>
/// Kinds of layers; the numbers are those of the wire. A choice by kind is a switch expression without a default: the
/// compiler then names every one that misses a kind.
/// </summary>
internal enum LayerKind
{
    /// <summary>Convolution, fully connected, or a pool that sums.</summary>
    Linear = 1,

    /// <summary>max(x, 0).</summary>
    Relu = 2,

    /// <summary>Maximum over windows.</summary>
    MaxPool = 3,

    /// <summary>Maximum over windows and zero.</summary>
    MaxPoolRelu = 4,

    /// <summary>x².</summary>
    Square = 5,

    /// <summary>1 where x ≥ 0, else 0.</summary>
    Sign = 6,

    /// <summary>Sum of two values.</summary>
    Add = 7,

    /// <summary>The channels of several values.</summary>
    Concat = 8,

    /// <summary>min(max(x, 0), cap).</summary>
    Clip = 9,

    /// <summary>x / 2^shift, rounded.</summary>
    Rescale = 10,

    /// <summary>⌊x / 2^shift⌋, saturating or not.</summary>
    Shift = 11,
}
