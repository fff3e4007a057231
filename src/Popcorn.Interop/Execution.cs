using System.Runtime.ExceptionServices;

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

    /// <summary>
    /// Does independent pieces of work on up to this many threads. The first failure is thrown as it would be on one
    /// thread.
    /// </summary>
    /// <param name="count">Pieces.</param>
    /// <param name="work">Called with 0 … count−1, in any order.</param>
    public void ForEach(int count, Action<int> work)
    {
        ArgumentNullException.ThrowIfNull(work);
        var options = new ParallelOptions { MaxDegreeOfParallelism = Workers, CancellationToken = CancellationToken };
        try
        {
            Parallel.For(0, count, options, work);
        }
        catch (AggregateException e)
        {
            ExceptionDispatchInfo.Throw(e.InnerExceptions[0]);
        }
    }

    internal int Workers => DegreeOfParallelism == 0 ? Environment.ProcessorCount : DegreeOfParallelism;
}
