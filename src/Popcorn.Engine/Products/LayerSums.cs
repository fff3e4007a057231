using System.Numerics;
using Popcorn.Engine.Model;

namespace Popcorn.Engine.Products;

/// <summary>How a layer's negative weights are paid for.</summary>
internal enum NegativeWeights
{
    /// <summary>There are none.</summary>
    None,

    /// <summary>All inputs are negated in one batch; programs read x and −x.</summary>
    NegateInputs,

    /// <summary>Positive and negative parts of every output are computed apart; the latter are negated in one batch.
    /// </summary>
    NegateOutputs,

    /// <summary>
    /// Each input's weights are raised by one number for all outputs, so that none is negative; the sum of the inputs,
    /// each as often as it was raised, is computed once, negated, and joined to every output.
    /// </summary>
    Offset,
}

/// <summary>
/// A layer's weights as sums of what its windows see, for a way to pay for negative weights: what its programs compute
/// at one position. First a result for each output channel; with outputs negated, after these, the negative part of
/// each; with an offset, after these, the sum that was added to each group's outputs.
/// </summary>
/// <param name="Layer">The layer.</param>
/// <param name="Negatives">The way.</param>
/// <param name="Results">Sums of terms.</param>
internal sealed record LayerSums(LinearLayer Layer, NegativeWeights Negatives, DigitSums[] Results)
{
    private static readonly DigitForm Bits = new(1, Signed: false);

    /// <summary>Columns: input channels and, where inputs are negated, after these the negative of each.</summary>
    public int Columns => Negatives == NegativeWeights.NegateInputs ? 2 * Layer.InputChannels : Layer.InputChannels;

    /// <summary>Weights with their signs.</summary>
    /// <param name="layer">The layer.</param>
    /// <param name="negatives">Any way but <see cref="NegativeWeights.Offset"/>.</param>
    /// <param name="forms">The digits of each output channel.</param>
    public static LayerSums Signed(LinearLayer layer, NegativeWeights negatives, DigitForm[] forms)
    {
        bool apart = negatives == NegativeWeights.NegateOutputs;
        DigitForm[] all = apart ? [.. forms, .. forms] : forms;
        var sums = new LayerSums(layer, negatives, Array.ConvertAll(all, form => new DigitSums(form)));
        int firstNegative = sums.TermOf(layer.InputChannels, 0);
        for (int row = 0; row < forms.Length; row++)
        {
            int term = sums.FirstTermOf(row);
            foreach (int weight in layer.WeightsOf(row))
            {
                sums.Results[row].Add(weight, term, apart ? ProductBuilder.None : firstNegative + term);
                if (apart)
                {
                    sums.Results[sums.ApartFrom(row)].Add(weight, ProductBuilder.None, term);
                }

                term++;
            }
        }

        return sums;
    }

    /// <summary>Weights raised until none is negative.</summary>
    public static LayerSums Offset(LinearLayer layer)
    {
        int rows = layer.Output.Channels;
        var results = new DigitSums[rows + layer.Groups];
        var sums = new LayerSums(layer, NegativeWeights.Offset, results);
        foreach (IGrouping<int, int> group in Enumerable.Range(0, rows).GroupBy(layer.GroupOf))
        {
            long[] offsets = [.. Enumerable.Range(0, layer.WeightsPerOutput)
                .Select(slot => OffsetFor(group.Select(row => layer.WeightsOf(row)[slot])))];
            foreach (int row in group)
            {
                results[row] = Raised(row, slot => offsets[slot] + layer.WeightsOf(row)[slot]);
            }

            results[sums.ApartFrom(group.First())] = Raised(group.First(), slot => offsets[slot]);
        }

        return sums;

        DigitSums Raised(int row, Func<int, long> weightOf)
        {
            var raised = new DigitSums(Bits);
            int first = sums.FirstTermOf(row);
            for (int slot = 0; slot < layer.WeightsPerOutput; slot++)
            {
                raised.Add(weightOf(slot), first + slot, ProductBuilder.None);
            }

            return raised;
        }
    }

    /// <summary>The result that is computed apart from an output channel's, negated and joined to it.</summary>
    public int ApartFrom(int row) =>
        Layer.Output.Channels + (Negatives == NegativeWeights.NegateOutputs ? row : Layer.GroupOf(row));

    /// <summary>The term for a column at a tap; behind all columns, for a product of columns at a tap.</summary>
    public int TermOf(int column, int tap) => column * Layer.Window.Taps + tap;

    /// <summary>What <see cref="TermOf"/> made a term of.</summary>
    public WindowInput InputOf(int term) => new(term / Layer.Window.Taps, term % Layer.Window.Taps);

    /// <summary>
    /// What an output channel's first weight multiplies; the others, channel by channel and tap by tap, multiply the
    /// terms that follow.
    /// </summary>
    private int FirstTermOf(int row) => TermOf(Layer.GroupOf(row) * (Layer.InputChannels / Layer.Groups), 0);

    /// <summary>Of the numbers that leave no weight negative and need no more bits, one that sets the fewest.</summary>
    private static long OffsetFor(IEnumerable<int> weights)
    {
        const int Tried = 16;
        long[] all = [.. weights.Select(weight => (long)weight)];
        long least = Math.Max(0, -all.Min());
        long most = (1L << BitOperations.Log2((ulong)(all.Max() + least)) + 1) - 1 - all.Max();
        return Enumerable.Range(0, (int)Math.Min(Tried, most - least + 1))
            .Select(more => least + more)
            .MinBy(offset => all.Sum(weight => BitOperations.PopCount((ulong)(weight + offset))));
    }
}

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
}
