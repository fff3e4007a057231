using System.Diagnostics.CodeAnalysis;

namespace Popcorn;

/// <summary>
/// Memory that its owner has wiped, kept for the next one who needs as much: what is new comes from the system page by
/// page, which takes longer than most of what is done with it. What nobody takes goes after some seconds. Thread-safe.
/// </summary>
/// <remarks>Compiled into every assembly that keeps secrets: they have none in common.</remarks>
/// <typeparam name="T">How memory is named.</typeparam>
/// <param name="free">Frees memory that is kept no longer.</param>
/// <param name="mostBytes">
/// What is kept at most: more is freed as it comes. What has lain longest would be the wrong thing to free: where one
/// inference after the other takes and gives the same, it is what is taken next.
/// </param>
/// <param name="clock">Tells how long memory has lain.</param>
internal sealed class KeptMemory<T>(Action<T> free, long mostBytes, TimeProvider clock)
{
    /// <summary>Longer than the largest networks prepare, for which the query before them gave what it had.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private const long Most = 1L << 30;

    private readonly Lock _lock = new();
    private readonly List<Piece> _pieces = []; // in the order in which they came; few
    private long _bytes;
    private ITimer? _timer;

    /// <summary>Keeps a gigabyte, or an eighth of the memory that the process may have where this is less.
    /// </summary>
    /// <param name="free">Frees memory that is kept no longer.</param>
    public KeptMemory(Action<T> free)
        : this(free, Math.Min(Most, GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / 8), TimeProvider.System)
    {
    }

    /// <summary>Memory that is as long, or longer by an eighth at most.</summary>
    /// <param name="bytes">How long.</param>
    /// <param name="memory">The memory, wiped.</param>
    /// <param name="length">Its bytes.</param>
    public bool TryTake(long bytes, [MaybeNullWhen(false)] out T memory, out long length)
    {
        lock (_lock)
        {
            int best = -1;
            for (int i = _pieces.Count - 1; i >= 0 && (best < 0 || _pieces[best].Bytes > bytes); i--)
            {
                long longer = _pieces[i].Bytes - bytes;
                if (longer >= 0 && longer <= bytes / 8 && (best < 0 || _pieces[i].Bytes < _pieces[best].Bytes))
                {
                    best = i;
                }
            }

            if (best < 0)
            {
                (memory, length) = (default, 0);
                return false;
            }

            (memory, length) = (_pieces[best].Memory, _pieces[best].Bytes);
            RemoveAt(best);
            return true;
        }
    }

    /// <summary>Takes over memory that holds nothing but zeros.</summary>
    /// <param name="memory">The memory.</param>
    /// <param name="bytes">Its bytes.</param>
    public void Give(T memory, long bytes)
    {
        lock (_lock)
        {
            if (_bytes + bytes <= mostBytes)
            {
                _pieces.Add(new Piece(memory, bytes, clock.GetTimestamp()));
                _bytes += bytes;
                _timer ??= clock.CreateTimer(_ => FreeOld(), null, Patience, Timeout.InfiniteTimeSpan);
                return;
            }
        }

        free(memory);
    }

    private void FreeOld()
    {
        lock (_lock)
        {
            while (_pieces.Count > 0 && clock.GetElapsedTime(_pieces[0].Since) >= Patience)
            {
                free(_pieces[0].Memory);
                RemoveAt(0);
            }

            if (_pieces.Count > 0)
            {
                _timer!.Change(Patience - clock.GetElapsedTime(_pieces[0].Since), Timeout.InfiniteTimeSpan);
            }
            else
            {
                _timer!.Dispose();
                _timer = null;
            }
        }
    }

    private void RemoveAt(int index)
    {
        _bytes -= _pieces[index].Bytes;
        _pieces.RemoveAt(index);
    }

    private readonly record struct Piece(T Memory, long Bytes, long Since);
}
