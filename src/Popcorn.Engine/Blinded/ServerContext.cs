using Popcorn.Interop;

namespace Popcorn.Engine.Blinded;

/// <summary>What the server's side of a query works with.</summary>
/// <param name="Encryptor">Tables for re-randomisation under the client's modulus.</param>
/// <param name="Pool">Recycles the batches that every chunk needs.</param>
/// <param name="Execution">Degree of parallelism and cancellation.</param>
/// <param name="Counter">Products done so far in this query.</param>
internal sealed record ServerContext(
    Encryptor Encryptor, CiphertextBatchPool Pool, Execution Execution, ProductCounter Counter)
{
    /// <summary>The client's modulus, with a base of the server's own.</summary>
    public PaillierPublicKey Key => Encryptor.Key;

    /// <summary>A new batch that holds source[index[i]].</summary>
    public CiphertextBatch Gather(CiphertextBatch source, ReadOnlySpan<int> index)
    {
        var batch = new CiphertextBatch(Key, index.Length);
        try
        {
            batch.Gather(source, index, 0);
            return batch;
        }
        catch
        {
            batch.Dispose();
            throw;
        }
    }

    /// <summary>target[i] = −source[i], over the whole of both.</summary>
    public void Negate(CiphertextBatch source, CiphertextBatch target)
    {
        Evaluator.Negate(source, target.Range(0, source.Count), Execution);
        Counter.Add(Evaluator.ProductsOfNegation * (long)source.Count);
    }
}

/// <summary>Counts products over a query.</summary>
internal sealed class ProductCounter
{
    /// <summary>Products so far.</summary>
    public long Total { get; private set; }

    /// <summary>Adds products.</summary>
    public void Add(long products) => Total += products;
}
