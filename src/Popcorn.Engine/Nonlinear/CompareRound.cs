using Popcorn.Engine.Planning;
using Popcorn.Interop;

namespace Popcorn.Engine.Nonlinear;

/// <summary>
/// ReLU and max: for each item the greater of left and right, as right + ReLU(left − right). The client sees the sign
/// carrier of x = left − right and the masked z = x + R, and returns [b'] (the carrier is positive) and [b'·z].
/// </summary>
/// <remarks>
/// b'·x = b'z − R·b'. Where the carrier kept the sign, b' = (x ≥ 0) and ReLU(x) = b'x; where it flipped it, b' = (x
/// &lt; 0) and ReLU(x) = x − b'x. Either way one ciphertext per item is inverted and one gets the exponent R.
/// </remarks>
internal sealed class CompareRound : ServerRound
{
    private readonly CiphertextBatch? _right;
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
        : base(step, context, left)
    {
        _right = right;
        _carriers = SignCarrier.Draw(random, step.Items);
        _masks = Masks.Draw(random, step.Items, step.BoundBits);
    }

    /// <inheritdoc/>
    public override void Prepare()
    {
        if (_right is not null)
        {
            Context.Negate(_right, Inverse);
            CiphertextRange values = Values.Range(0, Step.Items);
            Evaluator.Add(values, Inverse.Range(0, Step.Items), values, Context.Execution);
            Context.Counter.Add(Step.Items);
        }

        base.Prepare();
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
        base.Dispose();
        Array.Clear(_carriers);
        _masks.Dispose();
    }

    /// <inheritdoc/>
    protected override void Blind(SlotPacker packer, int item)
    {
        Carry(packer, item, _carriers[item]);
        packer.Masked(ValuesSource, item, _masks[item]);
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

        Combine([replies, inverted, Values], terms, first);
        if (_right is not null)
        {
            CiphertextRange results = Results.Range(first, count);
            Evaluator.Add(results, _right.Range(first, count), results, Context.Execution);
            Context.Counter.Add(count);
        }
    }
}
