namespace Popcorn.ObliviousTransfer.Comparisons;

/// <summary>What a tree tells of two numbers.</summary>
internal enum TreeResult
{
    /// <summary>Whether the first is less.</summary>
    Less = 1,

    /// <summary>That, and whether both are equal.</summary>
    LessAndEqual = 2,

    /// <summary>Both, and whether the first is one less than the second.</summary>
    LessAndEqualAndBefore = 3,
}

/// <summary>
/// How a comparison is put together: a table for a chunk of 1 to 4 bits, or two parts joined by ANDs (Garay,
/// Schoenmakers and Villegas 2007; Rathee et al., CrypTFlow2, 2020).
/// </summary>
/// <param name="Bits">Bits compared.</param>
/// <param name="High">The upper part; null: a table.</param>
/// <param name="Low">The lower part; null: a table.</param>
internal sealed record ComparisonTree(int Bits, ComparisonTree? High = null, ComparisonTree? Low = null)
{
    /// <summary>Bits of the tables, from the lowest on.</summary>
    public IEnumerable<int> Chunks =>
        High is { } high && Low is { } low ? low.Chunks.Concat(high.Chunks) : [Bits];
}
