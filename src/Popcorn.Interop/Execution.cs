namespace Popcorn.Interop;

/// <summary>How a batch operation runs. The default uses every core and cannot be cancelled.</summary>
/// <param name="DegreeOfParallelism">Threads at most; 0: one per core.</param>
/// <param name="CancellationToken">
/// Looked at between tiles (some milliseconds of work each). After cancellation the target range may be partly written.
/// </param>
public readonly record struct Execution(int DegreeOfParallelism = 0, CancellationToken CancellationToken = default)
{
    /// <summary>On the calling thread alone.</summary>
    public static Execution Sequential => new(1);

    internal int Workers => DegreeOfParallelism == 0 ? Environment.ProcessorCount : DegreeOfParallelism;
}
