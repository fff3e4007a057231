using System.Numerics;
using Popcorn.Engine.Model;
using Popcorn.Interop;

namespace Popcorn.Engine.Blinded;

/// <summary>
/// min(max(x, 0), cap): the bits of both carriers and both products with z come back. Compared are x, and x less a cap
/// of at most 2^b.
/// </summary>
/// <param name="Place">Where it stands.</param>
/// <param name="Sizes">What its sizes follow from.</param>
/// <param name="Items">Items of an image.</param>
/// <param name="Bound">|x| &lt; 2^b, b.</param>
/// <param name="SaturationBits">A of a cap 2^A − 1 that everybody knows; 0: the caps are the layer's.</param>
internal sealed record ClipStep(
    StepPlace Place, StepSizes Sizes, int Items, int Bound, int SaturationBits = 0) : RoundStep(
    Place, Sizes, (Items, Bound),
    new SlotFields(SignCarrier.FieldBits(Bound) + 1, Masks.MaskedBits(Bound), SignedFields: 2),
    replies: (Count: 4, Bits: Masks.MaskedBits(Bound)))
{
    /// <remarks>At what it saturates is a number of the layer.</remarks>
    protected override string Parameters => string.Empty;

    protected override (double Products, double Squares) Unblinding =>
        (3 + 6 + 1 + 2.5 + AlignedPower(BoundBits, BoundBits) + MaskPower, Layout.Fields.MaskedBits);

    protected override void Decide(ReadOnlySpan<ulong> plaintext, int slot, Span<ulong> answer) =>
        DecideProducts(plaintext, slot, answer);

    protected override ServerRound Begin(BlindedServerQuery query, CiphertextBatch values, ReadOnlySpan<int> order)
    {
        // |x| < 2^b: a cap beyond that is never reached, and must not take x − c out of its slot.
        Layer layer = query.Model.Network.Layers[Layer];
        BigInteger most = BigInteger.One << BoundBits;
        BigInteger[] capOf = SaturationBits > 0 ? [(BigInteger.One << SaturationBits) - 1] : ((ClipLayer)layer).Caps;
        var caps = new BigInteger[order.Length];
        for (int i = 0; i < caps.Length; i++)
        {
            caps[i] = BigInteger.Min(capOf[order[i] / layer.Output.Area % capOf.Length], most);
        }

        return new ClipRound(this, query.Context, values, caps, query.Random);
    }
}

/// <summary>
/// Clip: min(max(x, 0), c). With a₀ = (x ≥ 0) and a₁ = (x ≥ c) that is a₀·x − a₁·(x − c). The client sees the sign
/// carriers of x and of x − c, in an order of the server's, and one masked z = x + R; it returns both [b'] and both
/// [b'·z].
/// </summary>
/// <remarks>
/// a = b', or 1 − b' where the carrier flipped the sign, and b'·x = b'z − R·b'. So both masks come off together: R is
/// the exponent of one ciphertext, of ∓b'₀ ± b'₁.
/// </remarks>
internal sealed class ClipRound : ServerRound
{
    private readonly SecretArray<SignCarrier> _carriers;
    private readonly SecretArray<bool> _swapped;
    private readonly Masks _masks;
    private readonly SecretArray<ulong> _caps;
    private readonly int _capWords;

    /// <summary>Draws the blinding of a round.</summary>
    /// <param name="step">The plan's step.</param>
    /// <param name="context">Key, tables, threads.</param>
    /// <param name="values">x in the order of travel.</param>
    /// <param name="caps">c of each, 0 … 2^b.</param>
    /// <param name="random">Draws the blinding.</param>
    public ClipRound(
        ClipStep step, ServerContext context, CiphertextBatch values, BigInteger[] caps, SecretRandom random)
        : base(step, context, values)
    {
        _carriers = SignCarrier.Draw(random, 2 * step.Chunks.Items);
        _swapped = new SecretArray<bool>(step.Chunks.Items);
        _masks = Masks.Draw(random, step.Chunks.Items, step.BoundBits);
        _capWords = Words.CountFor(caps);
        _caps = new SecretArray<ulong>(step.Chunks.Items * _capWords);
        for (int i = 0; i < step.Chunks.Items; i++)
        {
            _swapped[i] = (random.Word() & 1) != 0;
            Words.Write(caps[i], _caps.Span.Slice(i * _capWords, _capWords));
        }
    }

    public override void Dispose()
    {
        base.Dispose();
        _carriers.Dispose();
        _swapped.Dispose();
        _caps.Dispose();
        _masks.Dispose();
    }

    protected override void Blind(SlotPacker packer, int item)
    {
        (SignCarrier floor, SignCarrier cap) = CarriersOf(item);
        Carry(packer, item, floor, FieldOfFloor(item));
        Carry(packer, item, cap, 1 - FieldOfFloor(item), CapOf(item));
        packer.Masked(ValuesSource, item, _masks[item]);
    }

    protected override void Absorb(int first, int count, CiphertextBatch replies)
    {
        using var toNegate = new SecretArray<int>(2 * count);
        for (int i = 0; i < count; i++)
        {
            (SignCarrier floor, SignCarrier cap) = CarriersOf(first + i);
            Answers answers = AnswersTo(first, i);
            toNegate[2 * i] = floor.Flip ? answers.FloorProduct : answers.FloorBit;
            toNegate[2 * i + 1] = cap.Flip ? answers.CapBit : answers.CapProduct;
        }

        using CiphertextBatch negated = NegatedGather(replies, toNegate.Span);
        const int Replies = 0, Negated = 1, Unmasking = 2, Items = 3, NegatedItems = 4;
        using CiphertextBatch unmasking = Context.Pool.Rent(count);
        using var bits = new TermList(count, termsEach: 2);
        using var results = new TermList(count, termsEach: 3 + _masks.WordsEach + _capWords);
        using var caps = new SecretArray<ulong>(count * _capWords);
        for (int i = 0; i < count; i++)
        {
            int item = first + i;
            (SignCarrier floor, SignCarrier cap) = CarriersOf(item);
            Answers answers = AnswersTo(first, i);
            (int Batch, int Index) floorBit = floor.Flip ? (Replies, answers.FloorBit) : (Negated, 2 * i);
            (int Batch, int Index) capBit = cap.Flip ? (Negated, 2 * i + 1) : (Replies, answers.CapBit);
            bits.Add(floorBit.Batch, floorBit.Index).Add(capBit.Batch, capBit.Index).End();

            results.Add(Unmasking, i, _masks[item], 0).Add(capBit.Batch, capBit.Index, CapOf(item), 0);
            results.Add(floor.Flip ? Negated : Replies, floor.Flip ? 2 * i : answers.FloorProduct);
            results.Add(cap.Flip ? Replies : Negated, cap.Flip ? answers.CapProduct : 2 * i + 1);
            if (floor.Flip != cap.Flip)
            {
                results.Add(floor.Flip ? Items : NegatedItems, item);
            }

            results.End();
            if (cap.Flip)
            {
                CapOf(item).CopyTo(caps.Span[(i * _capWords)..]);
            }
        }

        Context.Counter.Add(
            Evaluator.Combine([replies, negated], bits.Terms, bits.First, unmasking, 0, Context.Execution));
        Combine([replies, negated, unmasking, Values, Negatives], results, first);
        Evaluator.AddPlain(caps.Span, _capWords, Results, first, count, Context.Execution);
    }

    private (SignCarrier Floor, SignCarrier Cap) CarriersOf(int item) => (_carriers[2 * item], _carriers[2 * item + 1]);

    private int FieldOfFloor(int item) => _swapped[item] ? 1 : 0;

    private ReadOnlySpan<ulong> CapOf(int item) => _caps.Span.Slice(item * _capWords, _capWords);

    /// <summary>Where the answers to an item stand: the bits of both fields, then the products.</summary>
    private Answers AnswersTo(int first, int i)
    {
        int floor = 4 * i + FieldOfFloor(first + i);
        int cap = 4 * i + 1 - FieldOfFloor(first + i);
        return new Answers(floor, cap, floor + 2, cap + 2);
    }

    private readonly record struct Answers(int FloorBit, int CapBit, int FloorProduct, int CapProduct);
}
