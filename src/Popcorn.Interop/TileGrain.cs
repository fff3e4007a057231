namespace Popcorn.Interop;

/// <summary>How many numbers of a batch operation make a sensible tile.</summary>
/// <param name="Smallest">Fewer are not worth a thread.</param>
/// <param name="Largest">More would delay cancellation and hold much randomness at once.</param>
internal readonly record struct TileGrain(int Smallest, int Largest)
{
    /// <summary>About one product per number.</summary>
    internal static TileGrain Light => new(128, 4096);

    /// <summary>Many products per number.</summary>
    internal static TileGrain Heavy => new(1, 64);

    /// <summary>Many products per number, and a modular inversion per tile that costs as much as a hundred.</summary>
    internal static TileGrain Inverting => new(16, 256);
}
