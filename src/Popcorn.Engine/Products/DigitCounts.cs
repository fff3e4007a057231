namespace Popcorn.Engine.Products;

/// <summary>
/// How often each digit occurs in the weights of one output: enough to count its products if it shares none.
/// </summary>
/// <param name="form">How weights are cut.</param>
/// <param name="apart">Whether positive and negative digits make two results.</param>
internal sealed class DigitCounts(DigitForm form, bool apart)
{
    private readonly List<int[]> _positive = []; // [place][digit]
    private readonly List<int[]> _negative = [];

    /// <summary>Products of what <see cref="DigitSums"/> would write.</summary>
    public int Products => ProductsOf(_positive) + ProductsOf(_negative);

    /// <summary>Counts the digits of some weights.</summary>
    public void Add(ReadOnlySpan<int> weights)
    {
        Span<int> digits = stackalloc int[DigitForm.MaxDigits];
        foreach (int weight in weights)
        {
            int count = form.Recode(weight, digits);
            for (int place = 0; place < count; place++)
            {
                List<int[]> counts = apart && digits[place] < 0 ? _negative : _positive;
                while (counts.Count <= place)
                {
                    counts.Add(new int[form.Buckets]);
                }

                counts[place][Math.Abs(digits[place])]++;
            }
        }
    }

    private int ProductsOf(List<int[]> counts)
    {
        var joining = new ProductBuilder(inputs: 1, countOnly: true, reuse: false);
        DigitSums.Join(
            form, counts.Count, (place, digit) => counts[place][digit] > 0 ? 0 : ProductBuilder.None, joining);
        return joining.Count + counts.Sum(place => place.AsSpan(1).ToArray().Sum(count => Math.Max(0, count - 1)));
    }
}
