using Popcorn.Interop;

namespace Popcorn.Engine.Blinded;

/// <summary>What all sessions under one modulus share: a key with a base of the server's own, and its tables.</summary>
internal sealed class BlindedTables : IDisposable
{
    private readonly PaillierPublicKey _key;

    /// <summary>Builds them.</summary>
    /// <param name="client">The client's key; only its modulus counts.</param>
    /// <param name="options">Size of the tables.</param>
    /// <param name="keyOptions">Kernel and test switch.</param>
    /// <param name="execution">Threads and cancellation.</param>
    public BlindedTables(
        PaillierPublicKey client, EncryptorOptions options, KeyOptions? keyOptions, Execution execution)
    {
        // A base of the server's own: re-randomisation has to hide from the client, who knows the factors and may have
        // chosen its base badly.
        _key = client.WithFreshBase(keyOptions);
        try
        {
            Encryptor = new Encryptor(_key, options, execution);
        }
        catch
        {
            _key.Dispose();
            throw;
        }
    }

    /// <summary>Re-randomises under the client's modulus.</summary>
    public Encryptor Encryptor { get; }

    public void Dispose()
    {
        Encryptor.Dispose();
        _key.Dispose();
    }
}
