using Popcorn.Engine.Model;
using Popcorn.Engine.Planning;
using Popcorn.Interop;

namespace Popcorn.Engine.Blinded;

/// <summary>
/// One round of a tournament: for each match the greater of two players. The bit of the carrier and its product with z
/// come back.
/// </summary>
internal sealed record CompareStep : RoundStep
{
    private readonly Tournament _tournament;
    private readonly int _round;
    private readonly Shape _input;

    /// <param name="tournament">The layer's matches.</param>
    /// <param name="round">Which round of it.</param>
    /// <param name="input">Shape of what the layer reads.</param>
    /// <param name="place">Where the step stands.</param>
    /// <param name="sizes">What its sizes follow from.</param>
    /// <param name="bound">|x| &lt; 2^b of what is compared with zero or subtracted from each other, b.</param>
    private CompareStep(Tournament tournament, int round, Shape input, StepPlace place, StepSizes sizes, int bound)
        : base(
            place, sizes, (tournament.Rounds[round].Count, bound),
            new SlotFields(SignCarrier.FieldBits(bound), Masks.MaskedBits(bound)),
            replies: (Count: 2, Bits: Masks.MaskedBits(bound)))
    {
        _tournament = tournament;
        _round = round;
        _input = input;
    }

    /// <remarks>The players of all rounds stand in one batch; a match has two.</remarks>
    public override long ServerBytes => Sizes.MemoryBytes
        * ((long)Sizes.Images * (_input.Size + _tournament.MatchCount + 1) + 4L * Chunks.Items);

    /// <remarks>The matches follow from the layer, and which round of them it is from where it stands.</remarks>
    protected override string Parameters => string.Empty;

    protected override (double Products, double Squares) Unblinding =>
        (3 + 3 + 1.5 + MaskPower, Layout.Fields.MaskedBits);

    /// <summary>The steps of a layer that compares.</summary>
    /// <exception cref="PopcornException">There are too many players.</exception>
    public static IEnumerable<BlindedStep> Of(
        Tournament tournament, StepPlace place, StepSizes sizes, Shape input, int bound)
    {
        if (sizes.Images * ((long)input.Size + tournament.MatchCount) >= Shape.MaxSize)
        {
            throw new PopcornException(
                $"Layer {place.Layer + 1} ({place.Name}) is too large; use a smaller input, or fewer at once.");
        }

        return tournament.Rounds.Select((_, round) => new CompareStep(
            tournament, round, input, place with { Index = place.Index + round }, sizes,
            tournament.IsBetweenPlayers(round) ? bound + 1 : bound));
    }

    public override async Task ServeAsync(BlindedServerQuery query)
    {
        if (_round == 0)
        {
            query.Players = new TournamentPlayers(_tournament, Sizes.Images, query.InputOf(this), query.Context);
        }

        TournamentPlayers players = query.Players!;
        using SecretArray<int> order = query.Random.Permutation(Chunks.Items);
        (CiphertextBatch left, CiphertextBatch? right) = players.Pair(_round, order.Span);
        using (left)
        using (right)
        using (var round = new CompareRound(this, query.Context, left, right, query.Random))
        {
            await round.RunAsync(query.Exchange).ConfigureAwait(false);
            players.Enter(_round, order.Span, round.Results);
        }

        if (_round == _tournament.Rounds.Count - 1)
        {
            query.Finish(this, players.Winners());
            query.Players = null;
            players.Dispose();
        }
    }

    protected override void Decide(ReadOnlySpan<ulong> plaintext, int slot, Span<ulong> answer) =>
        DecideProducts(plaintext, slot, answer);

    protected override ServerRound Begin(BlindedServerQuery query, CiphertextBatch values, ReadOnlySpan<int> order) =>
        throw new NotSupportedException("The players of a match are two.");
}

/// <summary>
/// ReLU and max: for each item the greater of left and right, as right + ReLU(left − right). The client sees the sign
/// carrier of x = left − right and the masked z = x + R, and returns [b'] (the carrier is positive) and [b'·z].
/// </summary>
/// <remarks>
/// b'·x = b'z − R·b'. Where the carrier kept the sign, b' = (x ≥ 0) and ReLU(x) = b'x; where it flipped it, b' = (x
/// &lt; 0) and ReLU(x) = x − b'x. Either way one ciphertext per item is negated and one gets the exponent R.
/// </remarks>
internal sealed class CompareRound : ServerRound
{
    private readonly CiphertextBatch? _right;
    private readonly SecretArray<SignCarrier> _carriers;
    private readonly Masks _masks;

    /// <summary>Draws the blinding of a round.</summary>
    /// <param name="step">The plan's step.</param>
    /// <param name="context">Key, tables, threads.</param>
    /// <param name="left">Left players in the order of travel; overwritten by the differences.</param>
    /// <param name="right">Right players, or null where all are zero.</param>
    /// <param name="random">Draws the blinding.</param>
    public CompareRound(
        CompareStep step, ServerContext context, CiphertextBatch left, CiphertextBatch? right, SecretRandom random)
        : base(step, context, left)
    {
        _right = right;
        _carriers = SignCarrier.Draw(random, step.Chunks.Items);
        _masks = Masks.Draw(random, step.Chunks.Items, step.BoundBits);
    }

    public override void Prepare()
    {
        if (_right is not null)
        {
            Context.Negate(_right, Negatives);
            Evaluator.Add(Values, Negatives, Values, Context.Execution);
            Context.Counter.Add(Step.Chunks.Items);
        }

        base.Prepare();
    }

    public override void Dispose()
    {
        base.Dispose();
        _carriers.Dispose();
        _masks.Dispose();
    }

    protected override void Blind(SlotPacker packer, int item)
    {
        Carry(packer, item, _carriers[item]);
        packer.Masked(ValuesSource, item, _masks[item]);
    }

    protected override void Absorb(int first, int count, CiphertextBatch replies)
    {
        using var toNegate = new SecretArray<int>(count);
        for (int i = 0; i < count; i++)
        {
            toNegate[i] = _carriers[first + i].Flip ? 2 * i + 1 : 2 * i;
        }

        using CiphertextBatch negated = NegatedGather(replies, toNegate.Span);
        const int Replies = 0, Negated = 1, Differences = 2;
        using var terms = new TermList(count, termsEach: 2 + _masks.WordsEach);
        for (int i = 0; i < count; i++)
        {
            ReadOnlySpan<ulong> mask = _masks[first + i];
            if (_carriers[first + i].Flip)
            {
                terms.Add(Differences, first + i).Add(Replies, 2 * i, mask, 0).Add(Negated, i).End();
            }
            else
            {
                terms.Add(Replies, 2 * i + 1).Add(Negated, i, mask, 0).End();
            }
        }

        Combine([replies, negated, Values], terms, first);
        if (_right is not null)
        {
            CiphertextRange results = Results.Range(first, count);
            Evaluator.Add(results, _right.Range(first, count), results, Context.Execution);
            Context.Counter.Add(count);
        }
    }
}
