namespace Popcorn.ObliviousTransfer.Comparisons;

/// <summary>What a tree should be best at.</summary>
public enum TreeGoal
{
    /// <summary>Fewest bits in the query.</summary>
    FewestBits,

    /// <summary>Fewest oblivious transfers, and of those fewest bits in the query.</summary>
    FewestTransfers,
}
