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

    /// <summary>What all chunks need; once, before the first challenge.</summary>
    public abstract void Prepare();

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

        using CiphertextBatch replies = Context.Pool.Rent(count);
        replies.Import(answer, 0, count, Context.Execution);
        Absorb(Step.FirstOf(chunk), Step.ItemsIn(chunk), replies);
    }

    /// <summary>Releases the results and wipes the blinding.</summary>
    public virtual void Dispose() => Results.Dispose();

    protected abstract void Absorb(int first, int count, CiphertextBatch replies);

    protected void Combine(ReadOnlySpan<CiphertextBatch> sources, TermList terms, int first) =>
        Context.Counter.Add(
            Evaluator.Combine(sources, terms.Terms, terms.First, Results, first, Context.Execution));

    protected byte[] Seal(SlotPacker packer, ReadOnlySpan<CiphertextBatch> sources) => packer.Seal(sources, Context);

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
