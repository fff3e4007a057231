using Popcorn.Engine.Model;
using Popcorn.Engine.Protocols;
using Popcorn.Interop;

namespace Popcorn.Engine.Blinded;

/// <summary>
/// One ciphertext for each value; linear layers on the server alone, comparisons and squares in rounds that show the
/// client blinded values: docs/PROTOCOL.md.
/// </summary>
internal sealed class BlindedFamily : Family
{
    /// <summary>
    /// Packed ciphertexts in one chunk of a round unless a server has it otherwise: two groups of eight lanes, one for
    /// each of two cores.
    /// </summary>
    public const int DefaultChunkCiphertexts = 16;

    /// <summary>Largest chunk that a server may choose, in packed ciphertexts.</summary>
    public const int MostChunkCiphertexts = 512;

    /// <param name="chunkCiphertexts">See <see cref="ChunkCiphertexts"/>.</param>
    /// <exception cref="PopcornException">It is out of range.</exception>
    public BlindedFamily(int chunkCiphertexts = DefaultChunkCiphertexts)
    {
        BlindedPlan.CheckChunk(chunkCiphertexts);
        ChunkCiphertexts = chunkCiphertexts;
    }

    /// <summary>
    /// Packed ciphertexts in one chunk of a round, at most: longer ones have fewer messages, and more memory. The
    /// server's choice; a client takes what it is told.
    /// </summary>
    public int ChunkCiphertexts { get; }

    /// <inheritdoc/>
    public override string Name => "blinded";

    /// <inheritdoc/>
    internal override ServerModel Compile(IntegerNetwork network, PublicNetwork description) =>
        new BlindedServerModel(network, description, ChunkCiphertexts);

    /// <inheritdoc/>
    internal override ClientParty CreateClient(PaillierPrivateKey key, PartyOptions options) =>
        new BlindedClient(key, options);
}
