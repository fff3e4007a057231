using Popcorn.Interop;

namespace Popcorn.Engine.Blinded;

/// <summary>x / 2^shift, rounded at random: one ciphertext for each item comes back.</summary>
internal sealed record RescaleStep(StepPlace Place, StepSizes Sizes, int Items, int Bound, int Shift) : RoundStep(
    Place, Sizes, (Items, Bound), new SlotFields(0, Masks.MaskedBits(Bound)),
    replies: (Count: 1, Bits: Math.Max(1, Masks.MaskedBits(Bound) - Shift)))
{
    protected override string Parameters => $"shift {Shift}";

    protected override (double Products, double Squares) Unblinding => (0, 0);

    protected override void Decide(ReadOnlySpan<ulong> plaintext, int slot, Span<ulong> answer)
    {
        int dropped = Math.Min(Shift, Layout.Fields.MaskedBits);
        Words.Extract(plaintext, Layout.MaskedShift(slot) + dropped, Layout.Fields.MaskedBits - dropped, answer);
    }

    protected override ServerRound Begin(BlindedServerQuery query, CiphertextBatch values, ReadOnlySpan<int> order) =>
        new RescaleRound(this, query.Context, values, query.Random);
}

/// <summary>
/// Rescaling: the client sees z = x + R, statistically independent of x, and returns [⌊z / 2^t⌋]; the server takes off
/// ⌊R / 2^t⌋. What remains is x / 2^t rounded down, or up where the dropped bits of x and R carry: up with the dropped
/// fraction of x as the probability, because those of R are uniform.
/// </summary>
internal sealed class RescaleRound(
    RescaleStep step, ServerContext context, CiphertextBatch values, SecretRandom random)
    : MaskedRound(step, context, values, random)
{
    public override void Prepare()
    {
        // Nothing is negated here.
    }

    protected override void Absorb(int first, int count, CiphertextBatch replies)
    {
        int kept = Math.Max(0, step.Layout.Fields.MaskedBits - step.Shift);
        Unmask(replies, [.. Enumerable.Range(0, count)], (step.Shift, kept), 0, Results, first);
    }
}
