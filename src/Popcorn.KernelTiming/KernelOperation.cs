namespace Popcorn.KernelTiming;

/// <summary>Something to measure.</summary>
/// <param name="Name">Its name in reports and baselines.</param>
/// <param name="Units">Numbers, values or non-zero weights that one run handles.</param>
/// <param name="Run">One run.</param>
/// <param name="IsSearch">
/// Whether a run's length is a matter of luck: the mean of many runs counts, not the best, and no run is like another.
/// </param>
internal sealed record KernelOperation(string Name, int Units, Action Run, bool IsSearch = false)
{
    /// <summary>What some runs need to be there, and use up; not timed. Null: they need nothing.</summary>
    public Supply? Supply { get; init; }
}

/// <summary>What runs of an operation use up.</summary>
/// <param name="Runs">For how many runs it is.</param>
/// <param name="Renew">Makes as much as is missing.</param>
internal sealed record Supply(int Runs, Action Renew);
