using System.Numerics;

namespace Popcorn.Interop;

/// <summary>
/// Real numbers as plaintexts: x is the integer x·2^<see cref="FractionBits"/>, rounded to nearest, ties to even. Sums
/// and differences of such integers are those of the numbers, exactly, and products have as many fraction bits as both
/// factors together (<see cref="Times"/>), as long as they stay in (−n/2, n/2). So all that is ever lost is lost when
/// numbers are encoded: at most 2^−(FractionBits + 1) each, nothing where x·2^FractionBits is an integer.
/// </summary>
public readonly record struct FixedPoint
{
    /// <summary>The most fraction bits: each is worth a normal double.</summary>
    public const int MaxFractionBits = 1022;

    // A double holds the leading bits of a bigger integer.
    private const int WordBits = 64;

    // 2⁶³.
    private const double Limit = -(double)long.MinValue;

    /// <summary>Makes a format; the default has no fraction bits.</summary>
    /// <param name="fractionBits">0 to <see cref="MaxFractionBits"/>.</param>
    /// <exception cref="ArgumentOutOfRangeException">Fewer or more.</exception>
    public FixedPoint(int fractionBits)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(fractionBits);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(fractionBits, MaxFractionBits);
        FractionBits = fractionBits;
    }

    /// <summary>The integer 1 stands for 2^−FractionBits.</summary>
    public int FractionBits { get; }

    /// <summary>The format of a product, or of a sum of products.</summary>
    /// <param name="other">That of the other factor.</param>
    /// <exception cref="ArgumentOutOfRangeException">The two have too many fraction bits together.</exception>
    public FixedPoint Times(FixedPoint other) => new(FractionBits + other.FractionBits);

    /// <summary>A number as an integer.</summary>
    /// <param name="value">Its magnitude, rounded, is below 2^(63 − <see cref="FractionBits"/>).</param>
    /// <exception cref="PaillierException">
    /// <see cref="PaillierError.Range"/>: it is larger, infinite or no number.
    /// </exception>
    public long Encode(double value)
    {
        double scaled = Math.Round(Math.ScaleB(value, FractionBits));
        return Math.Abs(scaled) < Limit
            ? (long)scaled
            : throw new PaillierException(
                PaillierError.Range,
                $"a number with {FractionBits} fraction bits must lie within 2^{63 - FractionBits} of 0; take fewer "
                + "fraction bits, or smaller numbers.");
    }

    /// <summary>Numbers as integers.</summary>
    /// <param name="values">As for one.</param>
    /// <returns>As many integers.</returns>
    /// <exception cref="PaillierException">As for one.</exception>
    public long[] Encode(ReadOnlySpan<double> values)
    {
        long[] encoded = new long[values.Length];
        for (int i = 0; i < values.Length; i++)
        {
            encoded[i] = Encode(values[i]);
        }

        return encoded;
    }

    /// <summary>The double that is nearest to what an integer stands for, ties to even.</summary>
    /// <param name="value">An integer, as it was decrypted.</param>
    /// <exception cref="PaillierException">
    /// <see cref="PaillierError.Range"/>: it is beyond the range of doubles.
    /// </exception>
    public double Decode(BigInteger value)
    {
        // The conversion of BigInteger cuts off. That of a word rounds, rightly if its last bit tells of all below.
        BigInteger magnitude = BigInteger.Abs(value);
        int below = (int)Math.Max(0, magnitude.GetBitLength() - WordBits);
        ulong leading = (ulong)(magnitude >> below);
        if (below > 0 && BigInteger.TrailingZeroCount(magnitude) < below)
        {
            leading |= 1;
        }

        double decoded = Math.ScaleB(leading, below - FractionBits);
        return double.IsFinite(decoded)
            ? value.Sign < 0 ? -decoded : decoded
            : throw new PaillierException(
                PaillierError.Range,
                $"an integer of {magnitude.GetBitLength()} bits with {FractionBits} fraction bits is beyond the range "
                + "of doubles; check that it was decoded with the bits that it has.");
    }

    /// <summary>The doubles that are nearest to what integers stand for.</summary>
    /// <param name="values">As for one.</param>
    /// <returns>As many doubles.</returns>
    /// <exception cref="PaillierException">As for one.</exception>
    public double[] Decode(ReadOnlySpan<BigInteger> values)
    {
        double[] decoded = new double[values.Length];
        for (int i = 0; i < values.Length; i++)
        {
            decoded[i] = Decode(values[i]);
        }

        return decoded;
    }
}
