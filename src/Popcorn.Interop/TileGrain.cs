namespace Popcorn.Interop;

/// <summary>How many numbers of a batch operation make a sensible tile.</summary>
/// <param name="Smallest">Fewer are not worth a thread.</param>
/// <param name="Largest">More would delay cancellation and hold much randomness at once.</param>
/// <param name="PerWorker">
/// Tiles for each worker: several, so that one that falls behind does not hold up the others.
/// </param>
internal readonly record struct TileGrain(int Smallest, int Largest, int PerWorker = 4)
{
    /// <summary>About one product per number.</summary>
    internal static TileGrain Light => new(128, 4096);

    /// <summary>Many products per number.</summary>
    internal static TileGrain Heavy => new(1, 64);

    /// <summary>A few products per number, and a modular inversion per tile that costs as much as a hundred.</summary>
    internal static TileGrain Negation => new(32, 4096, PerWorker: 1);

    /// <summary>So many products per number that Light would be too coarse.</summary>
    internal static TileGrain For(int products) =>
        new(Math.Max(1, Light.Smallest / Math.Max(1, products)), Math.Max(Light.Smallest, Heavy.Largest));
}
