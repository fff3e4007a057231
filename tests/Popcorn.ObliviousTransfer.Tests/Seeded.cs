using Popcorn.ObliviousTransfer.Symmetric;

namespace Popcorn.ObliviousTransfer.Tests;

/// <summary>Random bytes that repeat.</summary>
internal sealed class Seeded(int seed) : Randomness
{
    private readonly Random _random = new(seed);

    public override void Fill(Span<byte> bytes) => _random.NextBytes(bytes);
}
