using Popcorn.Engine.Planning;
using Popcorn.Interop;

namespace Popcorn.Engine.Nonlinear;

/// <summary>
/// ReLU and max: for each item the greater of left and right, as right + ReLU(left − right). The client sees the sign
/// carrier of x = left − right and the masked z = x + R, and returns [b'] (the carrier is positive) and [b'·z].
/// </summary>
/// <remarks>
/// b'·x = b'z − R·b'. Where the carrier kept the sign, b' = (x ≥ 0) and ReLU(x) = b'x; where it flipped it, b' = (x &lt; 0)
/// and ReLU(x) = x − b'x. Either way one ciphertext per item is inverted and one gets the exponent R.
/// </remarks>
internal sealed class CompareRound : ServerRound
{
    private const int Difference = 0;
    private const int Inverse = 1;

    private readonly CiphertextBatch? _right;
    private readonly CiphertextBatch _difference;
    private readonly CiphertextBatch _inverse;
    private readonly SignCarrier[] _carriers;
    private readonly Masks _masks;

    /// <summary>Draws the blinding of a round.</summary>
    /// <param name="step">The plan's step.</param>
    /// <param name="context">Key, tables, threads.</param>
    /// <param name="left">Left players in the order of travel; overwritten by the differences.</param>
    /// <param name="right">Right players, or null where all are zero.</param>
    /// <param name="random">Draws the blinding.</param>
    public CompareRound(
        RoundStep step, ServerContext context, CiphertextBatch left, CiphertextBatch? right, SecretRandom random)
        : base(step, context)
    {
        _right = right;
        _difference = left;
        _inverse = new CiphertextBatch(context.Key, step.Items);
        _carriers = SignCarrier.Draw(random, step.Items);
        _masks = Masks.Draw(random, step.Items, step.BoundBits);
    }

    /// <inheritdoc/>
    public override void Prepare()
    {
        if (_right is not null)
        {
            Context.Negate(_right, _inverse);
            Evaluator.Add(_difference, 0, _inverse, 0, _difference, 0, Step.Items, Context.Execution);
            Context.Counter.Add(Step.Items);
        }

        Context.Negate(_difference, _inverse);
    }

    /// <inheritdoc/>
    public override byte[] Challenge(int chunk)
    {
        int first = Step.FirstOf(chunk);
        var packer = new SlotPacker(Step.Layout, Step.ItemsIn(chunk));
        for (int i = first; i < first + Step.ItemsIn(chunk); i++)
        {
            SignCarrier carrier = _carriers[i];
            packer.Next();
            packer.Signed(
                carrier.Flip ? Inverse : Difference, i, carrier.Tau, 1, carrier.Sigma, negated: carrier.Flip);
            packer.Masked(Difference, i, _masks[i]);
        }

        return Seal(packer, [_difference, _inverse]);
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
        base.Dispose();
        _inverse.Dispose();
        Array.Clear(_carriers);
        _masks.Dispose();
    }

    /// <inheritdoc/>
    protected override void Absorb(int first, int count, CiphertextBatch replies)
    {
        var toInvert = new int[count];
        for (int i = 0; i < count; i++)
        {
            toInvert[i] = _carriers[first + i].Flip ? 2 * i + 1 : 2 * i;
        }

        using CiphertextBatch inverted = NegatedGather(replies, toInvert);
        const int Replies = 0, Inverted = 1, Differences = 2;
        var terms = new TermList();
        for (int i = 0; i < count; i++)
        {
            ReadOnlySpan<ulong> mask = _masks[first + i];
            if (_carriers[first + i].Flip)
            {
                terms.Add(Differences, first + i).Add(Replies, 2 * i, mask, 0).Add(Inverted, i).End();
            }
            else
            {
                terms.Add(Replies, 2 * i + 1).Add(Inverted, i, mask, 0).End();
            }
        }

        Combine([replies, inverted, _difference], terms, first);
        if (_right is not null)
        {
            Evaluator.Add(Results, first, _right, first, Results, first, count, Context.Execution);
            Context.Counter.Add(count);
        }
    }
}
