using System.Numerics;
using Popcorn.Interop;

namespace Popcorn.Engine.Blinded;

/// <summary>x²: one ciphertext for each item comes back.</summary>
internal sealed record SquareStep(StepPlace Place, StepSizes Sizes, int Items, int Bound) : RoundStep(
    Place, Sizes, (Items, Bound), new SlotFields(0, Masks.MaskedBits(Bound)),
    replies: (Count: 1, Bits: 2 * Masks.MaskedBits(Bound)))
{
    /// <inheritdoc/>
    protected override (double Products, double Squares) Unblinding => (3 + 1.4 + MaskPower, Layout.Fields.MaskedBits);

    /// <inheritdoc/>
    protected override void Decide(ReadOnlySpan<ulong> plaintext, int slot, Span<ulong> answer)
    {
        Span<ulong> z = stackalloc ulong[Words.For(Layout.Fields.MaskedBits)];
        Words.Extract(plaintext, Layout.MaskedShift(slot), Layout.Fields.MaskedBits, z);
        Words.Square(z, answer);
        z.Clear();
    }

    /// <inheritdoc/>
    protected override ServerRound Begin(BlindedServerQuery query, CiphertextBatch values, int[] order) =>
        new SquareRound(this, query.Context, values, query.Random);
}

/// <summary>
/// Square: the client sees z = x + R, statistically independent of x, and returns [z²]; x² = z² − 2R·x − R².
/// </summary>
internal sealed class SquareRound : ServerRound
{
    private readonly Masks _masks;

    /// <summary>Draws the blinding of a round.</summary>
    /// <param name="step">The plan's step.</param>
    /// <param name="context">Key, tables, threads.</param>
    /// <param name="values">x in the order of travel.</param>
    /// <param name="random">Draws the blinding.</param>
    public SquareRound(SquareStep step, ServerContext context, CiphertextBatch values, SecretRandom random)
        : base(step, context, values) => _masks = Masks.Draw(random, step.Chunks.Items, step.BoundBits);

    /// <inheritdoc/>
    public override void Dispose()
    {
        base.Dispose();
        _masks.Dispose();
    }

    /// <inheritdoc/>
    protected override void Blind(SlotPacker packer, int item) => packer.Masked(ValuesSource, item, _masks[item]);

    /// <inheritdoc/>
    protected override void Absorb(int first, int count, CiphertextBatch replies)
    {
        const int Replies = 0, NegatedValues = 1;
        var terms = new TermList();
        int words = 2 * _masks.WordsEach + 1;
        var minusSquares = new ulong[count * words];
        for (int i = 0; i < count; i++)
        {
            ReadOnlySpan<ulong> mask = _masks[first + i];
            terms.Add(Replies, i).Add(NegatedValues, first + i, mask, 1).End();
            BigInteger r = Words.Read(mask);
            Words.Write(-r * r, minusSquares.AsSpan(i * words, words));
        }

        Combine([replies, Negatives], terms, first);
        Evaluator.AddPlain(minusSquares, words, Results, first, count, Context.Execution);
    }
}
