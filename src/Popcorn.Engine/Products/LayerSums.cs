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
/// What a layer's programs compute at one position, for a way to pay for negative weights: first a result for each
/// output channel; with outputs negated, after these, the negative part of each; with an offset, after these, the sum
/// that was added to each group's outputs.
/// </summary>
/// <param name="Negatives">The way.</param>
/// <param name="Results">
/// Sums of columns at taps, numbered column × taps + tap. Column c is input channel c, column channels + c its
/// negative.
/// </param>
internal sealed record LayerSums(NegativeWeights Negatives, DigitSums[] Results)
{
    private static readonly DigitForm Bits = new(1, Signed: false);

    /// <summary>Weights with their signs.</summary>
    /// <param name="geometry">The layer.</param>
    /// <param name="negatives">Any way but <see cref="NegativeWeights.Offset"/>.</param>
    /// <param name="forms">The digits of each output channel.</param>
    public static LayerSums Signed(LayerGeometry geometry, NegativeWeights negatives, DigitForm[] forms)
    {
        int rows = forms.Length;
        bool apart = negatives == NegativeWeights.NegateOutputs;
        var results = new DigitSums[apart ? 2 * rows : rows];
        for (int row = 0; row < rows; row++)
        {
            DigitSums sums = results[row] = new DigitSums(forms[row]);
            DigitSums? negative = apart ? results[rows + row] = new DigitSums(forms[row]) : null;
            ForEachWeight(geometry, row, (weight, column, negated) =>
            {
                sums.Add(weight, column, apart ? ProductBuilder.None : negated);
                negative?.Add(weight, ProductBuilder.None, column);
            });
        }

        return new LayerSums(negatives, results);
    }

    /// <summary>Weights raised until none is negative.</summary>
    public static LayerSums Offset(LayerGeometry geometry)
    {
        LinearLayer layer = geometry.Layer;
        int rows = layer.Output.Channels;
        int rowsPerGroup = rows / layer.Groups;
        var results = new DigitSums[rows + layer.Groups];
        for (int group = 0; group < layer.Groups; group++)
        {
            int first = group * rowsPerGroup;
            long[] offsets = [.. Enumerable.Range(0, layer.WeightsPerOutput).Select(slot => OffsetFor(
                Enumerable.Range(first, rowsPerGroup)
                    .Select(row => layer.Weights[row * layer.WeightsPerOutput + slot])))];
            for (int row = first; row < first + rowsPerGroup; row++)
            {
                results[row] = Raised(row, slot => offsets[slot] + layer.Weights[row * layer.WeightsPerOutput + slot]);
            }

            results[rows + group] = Raised(first, slot => offsets[slot]);
        }

        return new LayerSums(NegativeWeights.Offset, results);

        DigitSums Raised(int row, Func<int, long> weightOf)
        {
            var sums = new DigitSums(Bits);
            for (int slot = 0; slot < layer.WeightsPerOutput; slot++)
            {
                sums.Add(weightOf(slot), ColumnAt(geometry, row, slot), ProductBuilder.None);
            }

            return sums;
        }
    }

    /// <summary>Whether digits may be negative: only if something stands for −x.</summary>
    public static bool[] SignsFor(NegativeWeights negatives) =>
        negatives == NegativeWeights.None ? [false] : [false, true];

    /// <summary>For each output channel the digits that cost least, if outputs share nothing.</summary>
    public static DigitForm[] CheapestForms(LayerGeometry geometry, NegativeWeights negatives)
    {
        var forms = new DigitForm[geometry.Layer.Output.Channels];
        Parallel.For(0, forms.Length, row =>
        {
            int least = int.MaxValue;
            foreach (DigitForm form in FormsFor(geometry.Layer, row, negatives))
            {
                var counts = new DigitCounts(form, apart: negatives == NegativeWeights.NegateOutputs);
                counts.Add(geometry.Layer.Weights.AsSpan(
                    row * geometry.Layer.WeightsPerOutput, geometry.Layer.WeightsPerOutput));
                if (counts.Products < least)
                {
                    (least, forms[row]) = (counts.Products, form);
                }
            }
        });
        return forms;
    }

    private static IEnumerable<DigitForm> FormsFor(LinearLayer layer, int row, NegativeWeights negatives)
    {
        ReadOnlySpan<int> weights = layer.Weights.AsSpan(row * layer.WeightsPerOutput, layer.WeightsPerOutput);
        long largest = 0;
        foreach (int weight in weights)
        {
            largest = Math.Max(largest, Math.Abs((long)weight));
        }

        int bits = Math.Min(BitOperations.Log2((ulong)largest | 1) + 2, DigitForm.MaxBits);
        return from width in Enumerable.Range(1, bits)
               from signed in SignsFor(negatives)
               select new DigitForm(width, signed);
    }

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

    /// <summary>
    /// Calls back with every non-zero weight of a row, and what stands for its input and the negative of it.
    /// </summary>
    private static void ForEachWeight(LayerGeometry geometry, int row, Action<int, int, int> use)
    {
        LinearLayer layer = geometry.Layer;
        for (int slot = 0; slot < layer.WeightsPerOutput; slot++)
        {
            int weight = layer.Weights[row * layer.WeightsPerOutput + slot];
            if (weight != 0)
            {
                int column = ColumnAt(geometry, row, slot);
                use(weight, column, geometry.Input.Channels * layer.Window.Taps + column);
            }
        }
    }

    private static int ColumnAt(LayerGeometry geometry, int row, int slot) =>
        geometry.GroupOf(row) * geometry.Layer.WeightsPerOutput + slot;
}
