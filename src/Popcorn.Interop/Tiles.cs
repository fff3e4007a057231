namespace Popcorn.Interop;

/// <summary>Splits the range of a batch operation into tiles and runs them.</summary>
internal static class Tiles
{
    /// <summary>Runs <paramref name="work"/> over 0 .. <paramref name="count"/> - 1.</summary>
    /// <param name="work">A structure, so that a range of one tile allocates nothing.</param>
    /// <param name="count">Numbers in the range; with 0 nothing runs.</param>
    /// <param name="lanes">Tiles are multiples of this, but for the last.</param>
    /// <param name="grain">What size of tile suits the operation.</param>
    /// <param name="execution">Threads and cancellation.</param>
    internal static void Run<TTile>(TTile work, int count, int lanes, TileGrain grain, Execution execution)
        where TTile : struct, ITile
    {
        int workers = execution.Workers;
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(workers, nameof(execution));
        int size = Size(count, lanes, grain, workers);
        if (workers == 1 || count <= size)
        {
            for (int start = 0; start < count; start += size)
            {
                execution.CancellationToken.ThrowIfCancellationRequested();
                work.Run(start, Math.Min(size, count - start));
            }
        }
        else
        {
            RunParallel(work, count, size, execution);
        }
    }

    internal static int Size(int count, int lanes, TileGrain grain, int workers)
    {
        long shares = (long)workers * grain.PerWorker;
        int fair = (int)((count + shares - 1) / shares);
        int size = Math.Clamp(fair, grain.Smallest, grain.Largest);
        return (size + lanes - 1) / lanes * lanes;
    }

    private static void RunParallel<TTile>(TTile work, int count, int size, Execution execution)
        where TTile : struct, ITile
    {
        int tiles = (int)(((long)count + size - 1) / size);
        execution.ForEach(tiles, tile =>
        {
            int start = tile * size;
            work.Run(start, Math.Min(size, count - start));
        });
    }
}
