namespace Popcorn.Engine.Products;

/// <summary>
/// How weights are cut into digits of <paramref name="Bits"/> bits. Of an output, inputs with equal digits at one place
/// are multiplied together (one product each); the results are joined by running products, so that digit d counts d
/// times, and places by squarings from the top. Wide digits suit many inputs (one product per weight, but more to
/// join), narrow ones few inputs, and outputs that share much; ±1 weights are plain products.
/// </summary>
/// <param name="Bits">Bits of one digit.</param>
/// <param name="Signed">
/// Digits from −2^(b−1) to 2^(b−1), which halves their number and thins out single bits, instead of 0 … 2^b−1 with the
/// weight's sign.
/// </param>
internal readonly record struct DigitForm(int Bits, bool Signed)
{
    public const int MaxBits = 12;

    /// <summary>Digits that any weight may need: 32 bits and a carry in the narrowest form.</summary>
    public const int MaxDigits = 34;

    /// <summary>Magnitudes that a digit may have, 0 with them.</summary>
    public int Buckets => (1 << Bits) + 1;

    /// <summary>Digits of a weight, least significant first, each with the weight's sign applied.</summary>
    /// <returns>Number of digits up to the last non-zero one.</returns>
    public int Recode(long weight, Span<int> digits)
    {
        long rest = Math.Abs(weight);
        int sign = Math.Sign(weight);
        int count = 0;
        while (rest != 0)
        {
            long digit = rest & ((1L << Bits) - 1);
            if (Signed)
            {
                digit = Bits == 1 ? NonAdjacent(rest) : Balanced(digit);
            }

            digits[count++] = (int)digit * sign;
            rest = (rest - digit) >> Bits;
        }

        return count;
    }

    /// <summary>0, 1 or −1 such that the next binary digit of what remains is 0 (non-adjacent form).</summary>
    private static long NonAdjacent(long rest) => (rest & 1) == 0 ? 0 : 2 - (rest & 3);

    private long Balanced(long digit) => digit > 1L << (Bits - 1) ? digit - (1L << Bits) : digit;

    /// <inheritdoc/>
    public override string ToString() => Bits == 1 ? "bits" : $"buckets{Bits}";
}
