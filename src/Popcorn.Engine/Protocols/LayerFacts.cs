namespace Popcorn.Engine.Protocols;

/// <summary>How a layer is computed on shares.</summary>
/// <param name="RingBits">Its result is shared modulo 2^RingBits.</param>
/// <param name="GuardBits">Bits of that below the number itself.</param>
internal sealed record LayerFacts(int RingBits, int GuardBits)
{
    /// <summary>Which numbers share ciphertexts, in words; null where none do.</summary>
    public string? PackedAs { get; init; }

    /// <summary>Numbers of a ciphertext.</summary>
    public int? Slots { get; init; }

    /// <summary>Comparisons of all images; null where it compares nothing.</summary>
    public long? Comparisons { get; init; }
}
