using System.Security.Cryptography;
using Popcorn.Engine.Planning;
using Popcorn.Engine.Resources;
using Popcorn.Interop;

namespace Popcorn.Engine.Protocols;

/// <summary>
/// What all sessions under one modulus share, of short order those of one key: a copy of the key, and tables for it.
/// </summary>
internal sealed class KeyTables : IDisposable
{
    private readonly PaillierPublicKey _key;

    /// <summary>Builds them.</summary>
    /// <param name="client">The client's key; of full order only its modulus counts.</param>
    /// <param name="window">Bits of randomness to a base of the tables.</param>
    /// <param name="keyOptions">Kernel and test switch.</param>
    /// <param name="execution">Threads and cancellation.</param>
    public KeyTables(PaillierPublicKey client, int window, KeyOptions? keyOptions, Execution execution)
    {
        // A copy: the tables outlive the session that asked for them first.
        _key = PaillierPublicKey.Import(
            client.Export(), (keyOptions ?? new KeyOptions()) with { Order = client.Order });
        try
        {
            Rerandomizer = new Rerandomizer(_key, window, execution);
        }
        catch
        {
            _key.Dispose();
            throw;
        }
    }

    /// <summary>Tables that such sessions share, as large as a plan wants them.</summary>
    /// <param name="key">The client's key.</param>
    /// <param name="plan">The plan of a single image.</param>
    /// <param name="options">Where tables are kept.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="PopcornException">There is no memory for them.</exception>
    public static Task<TableLease<KeyTables>> RentAsync(
        PaillierPublicKey key, Plan plan, PartyOptions options, CancellationToken cancellationToken)
    {
        // Of short order the base counts too: whoever knows somebody's modulus must not choose a base for him.
        int window = TableSize.ForServer(plan, key.Bits, key.Order);
        byte[] shared = key.Order == KeyOrder.Short ? key.Export() : key.Modulus.ToByteArray();
        string name = $"{window} {key.Order} {Convert.ToHexString(SHA256.HashData(shared))}";
        return options.Resources!.RentTablesAsync(
            name, TableSize.BytesOfServer(window, key.Bits, key.Order),
            execution => new KeyTables(key, window, options.KeyOptions, execution), cancellationToken);
    }

    /// <summary>Re-randomises under the client's modulus.</summary>
    public Rerandomizer Rerandomizer { get; }

    public void Dispose()
    {
        Rerandomizer.Dispose();
        _key.Dispose();
    }
}
