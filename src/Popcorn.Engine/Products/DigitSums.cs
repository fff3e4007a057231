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

/// <summary>One result of a layer's programs, a sum of inputs with weights, cut into digits.</summary>
/// <param name="form">How.</param>
internal sealed class DigitSums(DigitForm form)
{
    private readonly SortedDictionary<(int Place, int Digit), List<int>> _sums = [];

    /// <summary>How its weights are cut.</summary>
    public DigitForm Form => form;

    /// <summary>
    /// For each place and digit that occurs (from 1 up), in ascending order, what is to be multiplied together. Lists
    /// may be rewritten to name other values with the same product.
    /// </summary>
    public IReadOnlyDictionary<(int Place, int Digit), List<int>> Sums => _sums;

    /// <summary>Digits of a weight, each to the value that stands for x or −x; nothing where that is none.</summary>
    public void Add(long weight, int plus, int minus)
    {
        Span<int> digits = stackalloc int[DigitForm.MaxDigits];
        int count = form.Recode(weight, digits);
        for (int place = 0; place < count; place++)
        {
            int value = digits[place] > 0 ? plus : minus;
            if (digits[place] != 0 && value != ProductBuilder.None)
            {
                (int, int) key = (place, Math.Abs(digits[place]));
                if (!_sums.TryGetValue(key, out List<int>? sum))
                {
                    _sums.Add(key, sum = []);
                }

                sum.Add(value);
            }
        }
    }

    /// <summary>Writes the products and returns the value that holds the result.</summary>
    /// <param name="builder">Takes them.</param>
    /// <param name="valueOf">The builder's value for one in the lists.</param>
    public int Write(ProductBuilder builder, Func<int, int> valueOf)
    {
        int places = _sums.Count == 0 ? 0 : _sums.Keys.Max(key => key.Place) + 1;
        return Join(
            form, places,
            (place, digit) => _sums.TryGetValue((place, digit), out List<int>? sum)
                ? Multiply(sum, builder, valueOf)
                : ProductBuilder.None,
            builder);
    }

    /// <summary>Writes the products that join a result's digits.</summary>
    /// <param name="form">How its weights are cut.</param>
    /// <param name="places">Places of digits.</param>
    /// <param name="bucketAt">
    /// The value for a place and a digit: the product of what has that digit there, or none.
    /// </param>
    /// <param name="builder">Takes the products.</param>
    /// <returns>The value that holds the result.</returns>
    public static int Join(DigitForm form, int places, Func<int, int, int> bucketAt, ProductBuilder builder)
    {
        var buckets = new int[form.Buckets];
        int result = ProductBuilder.None;
        for (int place = places - 1; place >= 0; place--)
        {
            for (int i = 0; i < form.Bits; i++)
            {
                result = builder.Multiply(result, result);
            }

            for (int digit = 1; digit < buckets.Length; digit++)
            {
                buckets[digit] = bucketAt(place, digit);
            }

            result = builder.Multiply(result, JoinBuckets(buckets, builder));
        }

        return result;
    }

    private static int Multiply(List<int> sum, ProductBuilder builder, Func<int, int> valueOf)
    {
        int product = ProductBuilder.None;
        foreach (int value in sum)
        {
            product = builder.Multiply(product, valueOf(value));
        }

        return product;
    }

    /// <summary>
    /// Π bucket[d]^d: from the largest d down, a running product gathers the buckets, and enters the result once for
    /// every step down to the next one.
    /// </summary>
    private static int JoinBuckets(ReadOnlySpan<int> buckets, ProductBuilder builder)
    {
        int running = ProductBuilder.None;
        int result = ProductBuilder.None;
        int pending = 0;
        for (int d = buckets.Length - 1; d >= 1; d--)
        {
            if (buckets[d] != ProductBuilder.None)
            {
                if (running != ProductBuilder.None)
                {
                    result = builder.Multiply(result, builder.Power(running, pending - d));
                }

                running = builder.Multiply(running, buckets[d]);
                pending = d;
            }
        }

        return running == ProductBuilder.None
            ? ProductBuilder.None
            : builder.Multiply(result, builder.Power(running, pending));
    }
}
