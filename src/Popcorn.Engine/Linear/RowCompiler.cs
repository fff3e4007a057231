namespace Popcorn.Engine.Linear;

/// <summary>One term w·x of an output: the weight, and the values that hold x and −x.</summary>
/// <param name="Weight">Not zero.</param>
/// <param name="Plus">Value that takes part where a digit is positive; <see cref="ProductBuilder.None"/>: nothing
/// does.</param>
/// <param name="Minus">Value that takes part where a digit is negative.</param>
internal readonly record struct RowTerm(int Weight, int Plus, int Minus);

/// <summary>Writes the products of one output; see <see cref="RowStrategy"/> for the method.</summary>
internal static class RowCompiler
{
    /// <summary>Writes the row and returns the value that holds it.</summary>
    public static int Compile(ReadOnlySpan<RowTerm> terms, RowStrategy strategy, ProductBuilder builder)
    {
        var digits = new int[terms.Length * RowStrategy.MaxDigits];
        int positions = 0;
        for (int i = 0; i < terms.Length; i++)
        {
            Span<int> own = digits.AsSpan(i * RowStrategy.MaxDigits, RowStrategy.MaxDigits);
            positions = Math.Max(positions, strategy.Recode(terms[i].Weight, own));
        }

        var buckets = new int[(1 << strategy.DigitBits) + 1];
        int sum = ProductBuilder.None;
        for (int position = positions - 1; position >= 0; position--)
        {
            for (int i = 0; i < strategy.DigitBits; i++)
            {
                sum = builder.Multiply(sum, sum);
            }

            Array.Fill(buckets, ProductBuilder.None);
            for (int i = 0; i < terms.Length; i++)
            {
                int digit = digits[i * RowStrategy.MaxDigits + position];
                if (digit != 0)
                {
                    ref int bucket = ref buckets[Math.Abs(digit)];
                    bucket = builder.Multiply(bucket, digit > 0 ? terms[i].Plus : terms[i].Minus);
                }
            }

            sum = builder.Multiply(sum, JoinBuckets(buckets, builder));
        }

        return sum;
    }

    /// <summary>The strategy that needs the fewest products for the sums of an output, and their number.</summary>
    public static (RowStrategy Strategy, int Products) Cheapest(IEnumerable<RowTerm[]> sums)
    {
        RowTerm[][] rows = [.. sums];
        int weightBits = 32 - int.LeadingZeroCount(rows.Max(r => r.Length == 0 ? 0 : r.Max(t => Math.Abs(t.Weight))));
        (RowStrategy Strategy, int Products) best = (new RowStrategy(1, false), int.MaxValue);
        for (int bits = 1; bits <= Math.Min(weightBits + 1, RowStrategy.MaxDigitBits); bits++)
        {
            foreach (bool signed in (ReadOnlySpan<bool>)[false, true])
            {
                var strategy = new RowStrategy(bits, signed);
                var counter = new ProductBuilder(int.MaxValue / 2, countOnly: true, reuse: false);
                foreach (RowTerm[] row in rows)
                {
                    Compile(row, strategy, counter);
                }

                if (counter.Count < best.Products)
                {
                    best = (strategy, counter.Count);
                }
            }
        }

        return best;
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
