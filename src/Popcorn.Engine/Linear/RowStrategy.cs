namespace Popcorn.Engine.Linear;

/// <summary>
/// How one output Σ wᵢ·xᵢ becomes products. Weights are cut into digits of <paramref name="DigitBits"/> bits; for each
/// digit position, inputs with equal digits meet in one bucket (one product each), and the buckets are joined by
/// running products, so that bucket d counts d times; positions are joined by squarings from the top. Wide digits suit
/// many inputs (one product per weight, but more buckets to join), narrow digits few; ±1 weights are plain products.
/// </summary>
/// <param name="DigitBits">Bits of one digit.</param>
/// <param name="Signed">
/// Digits from −2^(b−1) to 2^(b−1), which halves the buckets and thins out single bits, instead of 0 … 2^b−1 with the
/// weight's sign.
/// </param>
internal readonly record struct RowStrategy(int DigitBits, bool Signed)
{
    public const int MaxDigitBits = 12;

    /// <summary>Digits that any weight may need: 32 bits and a carry in the narrowest form.</summary>
    public const int MaxDigits = 34;

    /// <summary>Digits of a weight, least significant first, each with the weight's sign applied.</summary>
    /// <returns>Number of digits up to the last non-zero one.</returns>
    public int Recode(int weight, Span<int> digits)
    {
        long rest = Math.Abs((long)weight);
        int sign = Math.Sign(weight);
        int count = 0;
        while (rest != 0)
        {
            long digit = rest & ((1L << DigitBits) - 1);
            if (Signed)
            {
                digit = DigitBits == 1 ? NonAdjacent(rest) : Balanced(digit);
            }

            digits[count++] = (int)digit * sign;
            rest = (rest - digit) >> DigitBits;
        }

        return count;
    }

    /// <summary>0, 1 or −1 such that the next binary digit of what remains is 0 (non-adjacent form).</summary>
    private static long NonAdjacent(long rest) => (rest & 1) == 0 ? 0 : 2 - (rest & 3);

    private long Balanced(long digit) => digit > 1L << (DigitBits - 1) ? digit - (1L << DigitBits) : digit;

    /// <inheritdoc/>
    public override string ToString() => DigitBits == 1 ? "bits" : $"buckets{DigitBits}";
}
