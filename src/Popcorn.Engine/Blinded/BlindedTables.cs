using Popcorn.Interop;

namespace Popcorn.Engine.Blinded;

/// <summary>What all sessions under one modulus share: a copy of the key, and tables for it.</summary>
internal sealed class BlindedTables : IDisposable
{
    private readonly PaillierPublicKey _key;

    /// <summary>Builds them.</summary>
    /// <param name="client">The client's key; only its modulus counts.</param>
    /// <param name="window">Bits of randomness to a base of the tables.</param>
    /// <param name="keyOptions">Kernel and test switch.</param>
    /// <param name="execution">Threads and cancellation.</param>
    public BlindedTables(PaillierPublicKey client, int window, KeyOptions? keyOptions, Execution execution)
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

    /// <summary>Re-randomises under the client's modulus.</summary>
    public Rerandomizer Rerandomizer { get; }

    public void Dispose()
    {
        Rerandomizer.Dispose();
        _key.Dispose();
    }
}
