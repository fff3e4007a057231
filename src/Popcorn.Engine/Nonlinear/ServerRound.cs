using Popcorn.Engine.Planning;
using Popcorn.Interop;

namespace Popcorn.Engine.Nonlinear;

/// <summary>
/// The server's side of one round: blinded challenges out, answers in, chunk by chunk and in order; answers of early
/// chunks may come before later challenges are made. Items are already in the random order in which they travel.
/// </summary>
internal abstract class ServerRound(RoundStep step, ServerContext context) : IDisposable
{
    /// <summary>The plan's step.</summary>
    public RoundStep Step { get; } = step;

    /// <summary>The results, one per item; complete once every chunk is answered.</summary>
    public CiphertextBatch Results { get; } = new(context.Key, step.Items);

    protected ServerContext Context { get; } = context;

    /// <summary>Makes the packed ciphertexts of a chunk.</summary>
    public abstract byte[] Challenge(int chunk);

    /// <summary>Takes the client's answer to a chunk.</summary>
    /// <exception cref="PopcornException">The answer has the wrong length.</exception>
    /// <exception cref="PaillierException">A ciphertext is not one under the client's key.</exception>
    public void Absorb(int chunk, ReadOnlySpan<byte> answer)
    {
        int count = Step.ItemsIn(chunk) * Step.RepliesPerItem;
        if (answer.Length != count * Context.Key.CiphertextBytes)
        {
            throw new PopcornException(
                $"An answer to '{Step.Name}' has {answer.Length} bytes instead of {count} ciphertexts; refused.");
        }

        using var replies = new CiphertextBatch(Context.Key, count);
        replies.Import(answer, 0, count, Context.Execution);
        Absorb(Step.FirstOf(chunk), Step.ItemsIn(chunk), replies);
    }

    /// <inheritdoc/>
    public virtual void Dispose() => Results.Dispose();

    protected abstract void Absorb(int first, int count, CiphertextBatch replies);

    protected void Combine(
        ReadOnlySpan<CiphertextBatch> sources, TermList terms, CiphertextBatch target, int offset) =>
        Context.Counter.Add(
            Evaluator.Combine(sources, terms.Terms, terms.First, target, offset, Context.Execution));

    protected byte[] Seal(SlotPacker packer, ReadOnlySpan<CiphertextBatch> sources)
    {
        byte[] bytes = packer.Seal(sources, Context.Encryptor, Context.Execution, out long products);
        Context.Counter.Add(products);
        return bytes;
    }

    /// <summary>target[i] = −source[index[i]].</summary>
    protected CiphertextBatch NegatedGather(CiphertextBatch source, ReadOnlySpan<int> index)
    {
        var result = new CiphertextBatch(Context.Key, index.Length);
        result.Gather(source, index, 0);
        Evaluator.Negate(result, 0, result, 0, index.Length, Context.Execution);
        Context.Counter.Add(3L * index.Length);
        return result;
    }
}
