using System.Security.Cryptography;
using Popcorn.Engine.Planning;
using Popcorn.Engine.Resources;
using Popcorn.Interop;

namespace Popcorn.Engine.Protocols;

/// <summary>What all sessions under one modulus share: a copy of the key, and tables for it.</summary>
internal sealed class KeyTables : IDisposable
{
    private readonly PaillierPublicKey _key;

    /// <summary>Builds them.</summary>
    /// <param name="client">The client's key; only its modulus counts.</param>
    /// <param name="window">Bits of randomness to a base of the tables.</param>
    /// <param name="keyOptions">Kernel and test switch.</param>
    /// <param name="execution">Threads and cancellation.</param>
    public KeyTables(PaillierPublicKey client, int window, KeyOptions? keyOptions, Execution execution)
    {
        // A copy: the tables outlive the session that asked for them first.
        _key = PaillierPublicKey.Import(client.Export(), keyOptions);
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

    /// <summary>Tables that all sessions under a modulus share, as large as a plan wants them.</summary>
    /// <param name="key">The client's key.</param>
    /// <param name="plan">The plan of a single image.</param>
    /// <param name="options">Where tables are kept.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="PopcornException">There is no memory for them.</exception>
    public static Task<TableLease<KeyTables>> RentAsync(
        PaillierPublicKey key, Plan plan, PartyOptions options, CancellationToken cancellationToken)
    {
        int window = TableSize.ForServer(plan, key.Bits);
        string modulus = Convert.ToHexString(SHA256.HashData(key.Modulus.ToByteArray()));
        return options.Resources!.RentTablesAsync(
            $"{window} {modulus}", TableSize.BytesOfServer(window, key.Bits),
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
