using Popcorn.Engine.Protocols;
using Popcorn.Interop;

namespace Popcorn.Engine.Blinded;

/// <summary>
/// The server's side of one round: blinded challenges out, answers in, chunk by chunk and in order; answers of early
/// chunks may come before later challenges are made. Items are already in the random order in which they travel.
/// </summary>
/// <param name="step">The plan's step.</param>
/// <param name="context">Key, tables, threads.</param>
/// <param name="values">x of each item, in the order of travel; the caller's, and alive as long as the round.</param>
internal abstract class ServerRound(RoundStep step, ServerContext context, CiphertextBatch values) : IDisposable
{
    /// <summary>Where <see cref="Values"/> and <see cref="Negatives"/> stand among a packer's sources.</summary>
    protected const int ValuesSource = 0;

    /// <summary>See <see cref="ValuesSource"/>.</summary>
    protected const int NegativesSource = 1;

    /// <summary>The plan's step.</summary>
    public RoundStep Step { get; } = step;

    /// <summary>The results, one per item; complete once every chunk is answered.</summary>
    public CiphertextBatch Results { get; } = new(context.Key, step.Chunks.Items);

    protected ServerContext Context { get; } = context;

    /// <summary>x of each item.</summary>
    protected CiphertextBatch Values { get; } = values;

    /// <summary>−x of each item, once prepared.</summary>
    protected CiphertextBatch Negatives { get; } = new(context.Key, step.Chunks.Items);

    /// <summary>What all chunks need; once, before the first challenge.</summary>
    public virtual void Prepare() => Context.Negate(Values, Negatives);

    /// <summary>Plays the round with the client.</summary>
    /// <remarks>
    /// A few challenges travel ahead of their answers, so that both parties have work; no more, so that neither ever
    /// waits to send while the other does too.
    /// </remarks>
    public async Task RunAsync(IExchange exchange)
    {
        Prepare();
        int sent = 0;
        for (int absorbed = 0; absorbed < Step.Chunks.Count; absorbed++)
        {
            for (; sent < Step.Chunks.Count && sent - absorbed < IExchange.MessagesAhead; sent++)
            {
                await exchange.SendAsync(Step.Index, Step.Chunks.FirstOf(sent), Challenge(sent)).ConfigureAwait(false);
            }

            int first = Step.Chunks.FirstOf(absorbed);
            ReadOnlyMemory<byte> answer = await exchange.ReceiveAsync(Step.Index, first).ConfigureAwait(false);
            Absorb(absorbed, answer.Span);
            exchange.Report(Step, Step.Chunks.EndOf(absorbed), Step.Chunks.Items);
        }
    }

    /// <summary>Makes the packed ciphertexts of a chunk.</summary>
    public byte[] Challenge(int chunk)
    {
        using var packer = new SlotPacker(Step.Layout, Step.Chunks.ItemsIn(chunk));
        for (int item = Step.Chunks.FirstOf(chunk); item < Step.Chunks.EndOf(chunk); item++)
        {
            packer.Next();
            Blind(packer, item);
        }

        byte[] sealedItems = packer.Seal([Values, Negatives], Context);
        SecretStack.Wipe();
        return sealedItems;
    }

    /// <summary>Takes the client's answer to a chunk.</summary>
    /// <exception cref="PopcornException">The answer has the wrong length.</exception>
    /// <exception cref="PaillierException">A ciphertext is not one under the client's key.</exception>
    public void Absorb(int chunk, ReadOnlySpan<byte> answer)
    {
        int count = Step.Chunks.ItemsIn(chunk) * Step.RepliesPerItem;
        if (answer.Length != count * Context.Key.CiphertextBytes)
        {
            throw new PopcornException(
                PopcornError.Protocol,
                $"An answer to '{Step.Name}' has {answer.Length} bytes instead of {count} ciphertexts; refused.");
        }

        using CiphertextBatch replies = Context.Pool.Rent(count);
        replies.Import(answer, 0, count, Context.Execution);
        Absorb(Step.Chunks.FirstOf(chunk), Step.Chunks.ItemsIn(chunk), replies);
        SecretStack.Wipe();
    }

    /// <summary>Releases the results and wipes the blinding.</summary>
    public virtual void Dispose()
    {
        Results.Dispose();
        Negatives.Dispose();
    }

    /// <summary>Writes an item's fields.</summary>
    protected abstract void Blind(SlotPacker packer, int item);

    /// <summary>Makes the results of a chunk's items.</summary>
    /// <param name="first">The chunk's first item.</param>
    /// <param name="count">Its items.</param>
    /// <param name="replies">What the client returned for them, item by item.</param>
    protected abstract void Absorb(int first, int count, CiphertextBatch replies);

    protected void Combine(ReadOnlySpan<CiphertextBatch> sources, TermList terms, int first) =>
        Context.Counter.Add(
            Evaluator.Combine(sources, terms.Terms, terms.First, Results, first, Context.Execution));

    /// <summary>Writes a sign carrier of an item, or of what the item is more than a cap.</summary>
    protected static void Carry(
        SlotPacker packer, int item, SignCarrier carrier, int field = 0, ReadOnlySpan<ulong> cap = default) =>
        packer.Signed(field, carrier.Flip ? NegativesSource : ValuesSource, item, carrier.Value, cap);

    /// <summary>A rented batch that holds −source[index[i]].</summary>
    protected CiphertextBatch NegatedGather(CiphertextBatch source, ReadOnlySpan<int> index)
    {
        CiphertextBatch result = Context.Pool.Rent(index.Length);
        try
        {
            result.Gather(source, index, 0);
            Context.Negate(result, result);
            return result;
        }
        catch
        {
            result.Dispose();
            throw;
        }
    }
}

/// <summary>A round whose items travel as masked values alone: z = x + R, statistically independent of x.</summary>
/// <param name="step">The plan's step.</param>
/// <param name="context">Key, tables, threads.</param>
/// <param name="values">x in the order of travel.</param>
/// <param name="random">Draws the masks.</param>
internal abstract class MaskedRound(
    RoundStep step, ServerContext context, CiphertextBatch values, SecretRandom random)
    : ServerRound(step, context, values)
{
    /// <summary>R of each item.</summary>
    protected Masks Masks { get; } = Masks.Draw(random, step.Chunks.Items, step.BoundBits);

    public override void Dispose()
    {
        base.Dispose();
        Masks.Dispose();
    }

    protected override void Blind(SlotPacker packer, int item) => packer.Masked(ValuesSource, item, Masks[item]);

    /// <summary>Keeps one answer to each of a chunk's items, less some bits of R, and less a number.</summary>
    /// <param name="replies">The answers.</param>
    /// <param name="taken">Which of them.</param>
    /// <param name="bits">The bits of R: the lowest, and how many.</param>
    /// <param name="more">The number.</param>
    /// <param name="target">Where they go.</param>
    /// <param name="first">The chunk's first item.</param>
    protected void Unmask(
        CiphertextBatch replies, int[] taken, (int Lowest, int Count) bits, ulong more, CiphertextBatch target,
        int first)
    {
        int words = Masks.WordsEach + 1;
        using var less = new SecretArray<ulong>(taken.Length * words);
        for (int i = 0; i < taken.Length; i++)
        {
            Span<ulong> part = less.Span.Slice(i * words, words);
            Words.Extract(Masks[first + i], bits.Lowest, bits.Count, part);
            Words.AddShifted(part, [more], 0);
            Words.Negate(part);
        }

        target.Gather(replies, taken, first);
        Evaluator.AddPlain(less.Span, words, target, first, taken.Length, Context.Execution);
    }
}
