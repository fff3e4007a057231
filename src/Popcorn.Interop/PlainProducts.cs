namespace Popcorn.Interop;

/// <summary>Products with signed plaintexts, by combinations, which know no signs. Ranges were checked.</summary>
internal static class PlainProducts
{
    // 24 MB of terms.
    private const int TermsAtOnce = 1 << 20;

    // Squarings are shared by the terms of a sum: with fewer terms than these it takes too many of them.
    private const int LeastTerms = 32;

    internal static void Multiply(
        CiphertextRange source, ReadOnlySpan<long> factors, CiphertextRange target, Execution execution)
    {
        if (factors.IsEmpty)
        {
            return;
        }

        using CiphertextBatch negated = source.Batch.Scratch(source.Count);
        Evaluator.Negate(source, negated, execution);

        // Weights may be secret, and their memory is wiped.
        using var terms = new SecretArray<Term>(factors.Length);
        int[] first = new int[factors.Length + 1];
        for (int i = 0; i < factors.Length; i++)
        {
            terms[i] = factors[i] < 0
                ? new Term(Magnitude(factors[i]), 1, i, 0)
                : new Term(Magnitude(factors[i]), 0, source.First + i, 0);
            first[i + 1] = i + 1;
        }

        Evaluator.Combine([source.Batch, negated], terms.Span, first, target.Batch, target.First, execution);
    }

    internal static void MultiplyMatrix(
        ReadOnlySpan<long> matrix, CiphertextRange vector, CiphertextRange target, Execution execution)
    {
        int columns = vector.Count;
        int rowsAtOnce = Math.Clamp(TermsAtOnce / Math.Max(1, columns), 1, Math.Max(1, target.Count));
        using var terms = new SecretArray<Term>(checked(rowsAtOnce * columns));
        for (int row = 0; row < target.Count; row += rowsAtOnce)
        {
            int rows = Math.Min(rowsAtOnce, target.Count - row);
            ReadOnlySpan<long> weights = matrix.Slice(row * columns, rows * columns);
            MultiplyRows(weights, vector, target.Batch.Range(target.First + row, rows), terms.Span, execution);
        }
    }

    /// <summary>
    /// Sums of the positive and of the negative terms of each row, and their difference: one inverse a row. A vector
    /// kernel computes a sum in each of its lanes, so where there are few rows each sum is several.
    /// </summary>
    private static void MultiplyRows(
        ReadOnlySpan<long> weights, CiphertextRange vector, CiphertextRange target, Span<Term> terms,
        Execution execution)
    {
        (int rows, int columns) = (target.Count, vector.Count);
        int wanted = (target.Batch.Key.Lanes * execution.Workers) / rows;
        int pieces = Math.Max(1, Math.Min(wanted, columns / LeastTerms));
        int width = (columns + pieces - 1) / pieces;
        int[] first = new int[(2 * rows * pieces) + 1];
        int sum = 0, used = 0;
        foreach (bool negative in (ReadOnlySpan<bool>)[false, true])
        {
            for (int row = 0; row < rows; row++)
            {
                for (int piece = 0; piece < pieces; piece++)
                {
                    int end = Math.Min(columns, (piece + 1) * width);
                    for (int column = piece * width; column < end; column++)
                    {
                        long weight = weights[(row * columns) + column];
                        if (weight != 0 && weight < 0 == negative)
                        {
                            terms[used++] = new Term(Magnitude(weight), 0, vector.First + column, 0);
                        }
                    }

                    first[++sum] = used;
                }
            }
        }

        using CiphertextBatch parts = target.Batch.Scratch(sum);
        Evaluator.Combine([vector.Batch], terms, first, parts, 0, execution);
        using CiphertextBatch? joined = pieces == 1 ? null : Join(parts, pieces, execution);
        CiphertextBatch sums = joined ?? parts;
        Evaluator.Subtract(sums.Range(0, rows), sums.Range(rows, rows), target, execution);
    }

    /// <summary>Sums of so many consecutive ciphertexts each.</summary>
    private static CiphertextBatch Join(CiphertextBatch parts, int pieces, Execution execution)
    {
        Term[] terms = new Term[parts.Count];
        int[] first = new int[(parts.Count / pieces) + 1];
        for (int i = 0; i < terms.Length; i++)
        {
            terms[i] = new Term(1, 0, i, 0);
            first[(i / pieces) + 1] = i + 1;
        }

        CiphertextBatch joined = parts.Scratch(parts.Count / pieces);
        try
        {
            Evaluator.Combine([parts], terms, first, joined, 0, execution);
            return joined;
        }
        catch
        {
            joined.Dispose();
            throw;
        }
    }

    /// <summary>Also of the least of all numbers, 2⁶³.</summary>
    private static ulong Magnitude(long value) => unchecked((ulong)(value < 0 ? -value : value));
}
