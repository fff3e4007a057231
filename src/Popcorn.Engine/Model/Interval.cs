using System.Numerics;

namespace Popcorn.Engine.Model;

/// <summary>All integers from <paramref name="Low"/> to <paramref name="High"/>, both included.</summary>
internal readonly record struct Interval(BigInteger Low, BigInteger High)
{
    /// <summary>The least b with |x| &lt; 2^b for every x of the interval; 0 where it holds only 0.</summary>
    public int MagnitudeBits
    {
        get
        {
            long bits = Math.Max(BigInteger.Abs(Low).GetBitLength(), BigInteger.Abs(High).GetBitLength());
            return checked((int)bits);
        }
    }

    /// <summary>The smallest interval that holds both.</summary>
    public Interval Hull(Interval other) =>
        new(BigInteger.Min(Low, other.Low), BigInteger.Max(High, other.High));

    /// <summary>The smallest interval that holds this one and 0.</summary>
    public Interval HullWithZero() => new(BigInteger.Min(Low, BigInteger.Zero), BigInteger.Max(High, BigInteger.Zero));

    /// <summary>The images of max(x, 0).</summary>
    public Interval Relu() => new(BigInteger.Max(Low, BigInteger.Zero), BigInteger.Max(High, BigInteger.Zero));

    /// <summary>The sums of a number of each.</summary>
    public Interval Plus(Interval other) => new(Low + other.Low, High + other.High);

    /// <summary>The images of factor·x.</summary>
    public Interval Times(BigInteger factor) =>
        factor.Sign < 0 ? new(High * factor, Low * factor) : new(Low * factor, High * factor);

    /// <summary>The images of min(max(x, 0), cap).</summary>
    public Interval Clip(BigInteger cap)
    {
        Interval positive = Relu();
        return new(BigInteger.Min(positive.Low, cap), BigInteger.Min(positive.High, cap));
    }

    /// <summary>The images of x / 2^shift, rounded up or down.</summary>
    public Interval Rescale(int shift) => new(Low >> shift, -(-High >> shift));

    /// <summary>The images of ⌊x / 2^shift⌋, clipped to some bits unless these are 0.</summary>
    public Interval Shift(int shift, int saturationBits)
    {
        var shifted = new Interval(Low >> shift, High >> shift);
        return saturationBits == 0 ? shifted : shifted.Clip((BigInteger.One << saturationBits) - 1);
    }

    /// <summary>The images of x².</summary>
    public Interval Square()
    {
        BigInteger low = Low * Low;
        BigInteger high = High * High;
        bool straddles = Low.Sign <= 0 && High.Sign >= 0;
        return new(straddles ? BigInteger.Zero : BigInteger.Min(low, high), BigInteger.Max(low, high));
    }

    /// <summary>The images of "1 where x ≥ 0, else 0".</summary>
    public Interval Sign() => new(Low.Sign >= 0 ? 1 : 0, High.Sign >= 0 ? 1 : 0);
}
