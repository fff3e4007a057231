using Popcorn.Interop;

namespace Popcorn.Engine.Blinded;

/// <summary>x²: one ciphertext for each item comes back.</summary>
internal sealed record SquareStep(StepPlace Place, StepSizes Sizes, int Items, int Bound) : RoundStep(
    Place, Sizes, (Items, Bound), new SlotFields(0, Masks.MaskedBits(Bound)),
    replies: (Count: 1, Bits: 2 * Masks.MaskedBits(Bound)))
{
    protected override string Parameters => string.Empty;

    protected override (double Products, double Squares) Unblinding => (3 + 1.4 + MaskPower, Layout.Fields.MaskedBits);

    protected override void Decide(ReadOnlySpan<ulong> plaintext, int slot, Span<ulong> answer)
    {
        Span<ulong> z = stackalloc ulong[Words.For(Layout.Fields.MaskedBits)];
        Words.Extract(plaintext, Layout.MaskedShift(slot), Layout.Fields.MaskedBits, z);
        Words.Square(z, answer);
        z.Clear();
    }

    protected override ServerRound Begin(BlindedServerQuery query, CiphertextBatch values, ReadOnlySpan<int> order) =>
        new SquareRound(this, query.Context, values, query.Random);
}

/// <summary>
/// Square: the client sees z = x + R, statistically independent of x, and returns [z²]; x² = z² − 2R·x − R².
/// </summary>
internal sealed class SquareRound(
    SquareStep step, ServerContext context, CiphertextBatch values, SecretRandom random)
    : MaskedRound(step, context, values, random)
{
    protected override void Absorb(int first, int count, CiphertextBatch replies)
    {
        const int Replies = 0, NegatedValues = 1;
        using var terms = new TermList(count, termsEach: 1 + Masks.WordsEach);
        int words = 2 * Masks.WordsEach + 1;
        using var minusSquares = new SecretArray<ulong>(count * words);
        for (int i = 0; i < count; i++)
        {
            ReadOnlySpan<ulong> mask = Masks[first + i];
            terms.Add(Replies, i).Add(NegatedValues, first + i, mask, 1).End();
            Span<ulong> square = minusSquares.Span.Slice(i * words, words);
            Words.Square(mask, square);
            Words.Negate(square);
        }

        Combine([replies, Negatives], terms, first);
        Evaluator.AddPlain(minusSquares.Span, words, Results, first, count, Context.Execution);
    }
}
