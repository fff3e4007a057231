using Popcorn.Engine.Model;
using Popcorn.Engine.Planning;
using Popcorn.Interop;

namespace Popcorn.Engine.Blinded;

/// <summary>
/// The steps of a layer that shifts, saturates or does both. It saturates last: values are shorter then, and the rounds
/// of the shift see dropped bits that tell nothing of signs. Of what a clip has made 0, all dropped bits would be 0.
/// </summary>
internal static class ShiftSteps
{
    /// <param name="layer">The layer.</param>
    /// <param name="place">Where its first step stands.</param>
    /// <param name="sizes">What their sizes follow from.</param>
    /// <param name="bound">|x| &lt; 2^b of what it reads, b.</param>
    /// <param name="mayBeNegative">Whether what it reads may be negative.</param>
    public static IReadOnlyList<BlindedStep> Of(
        PublicLayer layer, StepPlace place, StepSizes sizes, int bound, bool mayBeNegative)
    {
        int items = layer.Output.Size;
        int bits = bound - layer.Shift; // of the greatest result
        var steps = new List<BlindedStep>();
        if (layer.Shift > 0)
        {
            int dropped = SplitStep.DroppedBits(bound, layer.Shift);
            steps.Add(new SplitStep(place, sizes, items, bound, layer.Shift));
            steps.Add(new BorrowStep(place with { Index = place.Index + 1 }, sizes, items, dropped));
            place = place with { Index = place.Index + 2 };

            // Down to −2^(b − t), of which the magnitude takes a bit more; and −1 stays −1.
            bound = Math.Max(1, mayBeNegative ? bits + 1 : bits);
        }

        if (layer.SaturationBits > 0 && bits > layer.SaturationBits)
        {
            steps.Add(new ClipStep(place, sizes, items, bound, layer.SaturationBits));
        }
        else if (layer.SaturationBits > 0 && (mayBeNegative || steps.Count == 0))
        {
            // The cap is never exceeded.
            steps.AddRange(CompareStep.Of(Tournament.AgainstZero(items), place, sizes, layer.Output, bound));
        }

        return steps;
    }
}

/// <summary>Splits z = x + R at bit t: two ciphertexts for each item come back.</summary>
internal sealed record SplitStep(StepPlace Place, StepSizes Sizes, int Items, int Bound, int Shift) : RoundStep(
    Place, Sizes, (Items, Bound), new SlotFields(0, Masks.MaskedBits(Bound)),
    replies: (Count: 2, Bits: Math.Max(Masks.MaskedBits(Bound) - Shift, DroppedBits(Bound, Shift))))
{
    /// <remarks>One more result, in the order of travel and in that of the items.</remarks>
    public override long ServerBytes => base.ServerBytes + 2L * Chunks.Items * Sizes.MemoryBytes;

    /// <summary>Bits of z mod 2^t.</summary>
    public int Dropped => DroppedBits(Bound, Shift);

    protected override string Parameters => $"shift {Shift}";

    protected override (double Products, double Squares) Unblinding => (0, 0);

    /// <summary>See <see cref="Dropped"/>.</summary>
    /// <param name="bound">|x| &lt; 2^b, b.</param>
    /// <param name="shift">t.</param>
    public static int DroppedBits(int bound, int shift) => Math.Min(shift, Masks.MaskedBits(bound));

    protected override void Decide(ReadOnlySpan<ulong> plaintext, int slot, Span<ulong> answer)
    {
        int position = Layout.MaskedShift(slot);
        int kept = Layout.Fields.MaskedBits - Dropped;
        Words.Extract(plaintext, position + Dropped, kept, answer[..AnswerWords]);
        Words.Extract(plaintext, position, Dropped, answer[AnswerWords..]);
    }

    protected override ServerRound Begin(BlindedServerQuery query, CiphertextBatch values, ReadOnlySpan<int> order) =>
        new SplitRound(this, query.Context, values, query.Random);

    protected override void Finish(BlindedServerQuery query, ServerRound round, ReadOnlySpan<int> places)
    {
        query.Quotients = query.Context.Gather(((SplitRound)round).Quotients, places);
        base.Finish(query, round, places);
    }
}

/// <summary>
/// First half of a shift: the client sees z = x + R, statistically independent of x, and returns [⌊z / 2^t⌋] and
/// [z mod 2^t]; the server takes off the same of R. What remains of the first is ⌊x / 2^t⌋, and 1 more where the
/// remainder of R is the greater one; what remains of the second, the difference of the remainders, has its sign.
/// </summary>
internal sealed class SplitRound(SplitStep step, ServerContext context, CiphertextBatch values, SecretRandom random)
    : MaskedRound(step, context, values, random)
{
    /// <summary>⌊x / 2^t⌋, or 1 less where the difference, which is the result, is not negative.</summary>
    public CiphertextBatch Quotients { get; } = new(context.Key, step.Chunks.Items);

    public override void Prepare()
    {
        // Nothing is negated here.
    }

    public override void Dispose()
    {
        base.Dispose();
        Quotients.Dispose();
    }

    protected override void Absorb(int first, int count, CiphertextBatch replies)
    {
        int[] quotients = [.. Enumerable.Range(0, count).Select(i => 2 * i)];
        int kept = step.Layout.Fields.MaskedBits - step.Dropped;
        Unmask(replies, quotients, (step.Dropped, kept), 1, Quotients, first);
        Unmask(replies, Array.ConvertAll(quotients, i => i + 1), (0, step.Dropped), 0, Results, first);
    }
}

/// <summary>
/// Second half of a shift: 1 is added to the quotients wherever the difference of the remainders is not negative.
/// </summary>
internal sealed record BorrowStep(StepPlace Place, StepSizes Sizes, int Items, int Bound)
    : SignStep(Place, Sizes, Items, Bound)
{
    /// <remarks>The quotients and the differences, in the order of the items.</remarks>
    public override long ServerBytes => base.ServerBytes + 2L * Chunks.Items * Sizes.MemoryBytes;

    protected override (double Products, double Squares) Unblinding =>
        (base.Unblinding.Products + 1, base.Unblinding.Squares);

    protected override void Finish(BlindedServerQuery query, ServerRound round, ReadOnlySpan<int> places)
    {
        CiphertextBatch result = query.Context.Gather(round.Results, places);
        using CiphertextBatch quotients = query.Quotients!;
        query.Quotients = null;
        Evaluator.Add(result, quotients, result, query.Context.Execution);
        query.Context.Counter.Add(result.Count);
        query.Finish(this, result);
    }
}
