using Popcorn.Interop;

namespace Popcorn.Engine.Nonlinear;

/// <summary>What the server's side of a round works with.</summary>
/// <param name="Encryptor">Tables of the client's public key, for re-randomisation.</param>
/// <param name="Execution">Degree of parallelism and cancellation.</param>
/// <param name="Counter">Products done so far in this query.</param>
internal sealed record ServerContext(Encryptor Encryptor, Execution Execution, ProductCounter Counter)
{
    /// <summary>The client's key.</summary>
    public PaillierPublicKey Key => Encryptor.Key;
}

/// <summary>Counts products over a query.</summary>
internal sealed class ProductCounter
{
    /// <summary>Products so far.</summary>
    public long Total { get; private set; }

    /// <summary>Adds products.</summary>
    public void Add(long products) => Total += products;
}
