using Popcorn.Engine.Blinded;
using Popcorn.Engine.Protocols;
using Popcorn.Engine.Shares;

namespace Popcorn.Engine.Families;

/// <summary>The families that there are: the one place that names them.</summary>
public static class FamilyRegistry
{
    /// <summary>See <see cref="BlindedFamily.DefaultChunkCiphertexts"/>.</summary>
    public const int DefaultChunkCiphertexts = BlindedFamily.DefaultChunkCiphertexts;

    /// <summary>See <see cref="BlindedFamily.MostChunkCiphertexts"/>.</summary>
    public const int MostChunkCiphertexts = BlindedFamily.MostChunkCiphertexts;

    /// <summary>All of them with their defaults, the preferred one first.</summary>
    public static IReadOnlyList<Family> All { get; } = Create();

    /// <summary>All of them as a server has chosen, the preferred one first.</summary>
    /// <param name="chunkCiphertexts">See <see cref="BlindedFamily.ChunkCiphertexts"/>.</param>
    /// <exception cref="PopcornException">A choice is out of range.</exception>
    public static IReadOnlyList<Family> Create(int chunkCiphertexts = DefaultChunkCiphertexts) =>
        [new BlindedFamily(chunkCiphertexts), new SharesFamily()];
}
