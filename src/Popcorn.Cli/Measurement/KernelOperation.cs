namespace Popcorn.Cli.Measurement;

/// <summary>Something to measure.</summary>
/// <param name="Name">Its name in reports and baselines.</param>
/// <param name="Units">Numbers, values or non-zero weights that one run handles.</param>
/// <param name="Run">One run.</param>
/// <param name="IsSearch">
/// Whether a run's length is a matter of luck: the mean of many runs counts, not the best, and no run is like another.
/// </param>
internal sealed record KernelOperation(string Name, int Units, Action Run, bool IsSearch = false);
