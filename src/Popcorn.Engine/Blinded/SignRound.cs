using Popcorn.Interop;

namespace Popcorn.Engine.Blinded;

/// <summary>1 where x ≥ 0, else 0: one ciphertext for each item comes back.</summary>
internal record SignStep(StepPlace Place, StepSizes Sizes, int Items, int Bound) : RoundStep(
    Place, Sizes, (Items, Bound), new SlotFields(SignCarrier.FieldBits(Bound), 0), replies: (Count: 1, Bits: 1))
{
    protected override string Parameters => string.Empty;

    protected override (double Products, double Squares) Unblinding => (3 + 3 + 0.4, 0);

    protected override void Decide(ReadOnlySpan<ulong> plaintext, int slot, Span<ulong> answer) =>
        answer[0] = Positive(plaintext, slot, 0);

    protected override ServerRound Begin(BlindedServerQuery query, CiphertextBatch values, ReadOnlySpan<int> order) =>
        new SignRound(this, query.Context, values, query.Random);
}

/// <summary>
/// Sign: 1 where x ≥ 0, else 0. The client sees the sign carrier of x and returns [b']; the server takes b', or 1 − b'
/// where the carrier flipped the sign.
/// </summary>
internal sealed class SignRound : ServerRound
{
    private readonly SecretArray<SignCarrier> _carriers;

    /// <summary>Draws the blinding of a round.</summary>
    /// <param name="step">The plan's step.</param>
    /// <param name="context">Key, tables, threads.</param>
    /// <param name="values">x in the order of travel.</param>
    /// <param name="random">Draws the blinding.</param>
    public SignRound(SignStep step, ServerContext context, CiphertextBatch values, SecretRandom random)
        : base(step, context, values) => _carriers = SignCarrier.Draw(random, step.Chunks.Items);

    public override void Dispose()
    {
        base.Dispose();
        _carriers.Dispose();
    }

    protected override void Blind(SlotPacker packer, int item) => Carry(packer, item, _carriers[item]);

    protected override void Absorb(int first, int count, CiphertextBatch replies)
    {
        int[] all = [.. Enumerable.Range(0, count)];
        using CiphertextBatch negated = NegatedGather(replies, all);
        const int Replies = 0, Negated = 1;
        using var terms = new TermList(count, termsEach: 1);
        using var ones = new SecretArray<long>(count);
        for (int i = 0; i < count; i++)
        {
            bool flip = _carriers[first + i].Flip;
            terms.Add(flip ? Negated : Replies, i).End();
            ones[i] = flip ? 1 : 0;
        }

        Combine([replies, negated], terms, first);
        Evaluator.AddPlain(ones.Span, Results, first, Context.Execution);
    }
}
