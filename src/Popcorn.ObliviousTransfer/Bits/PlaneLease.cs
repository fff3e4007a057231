namespace Popcorn.ObliviousTransfer.Bits;

/// <summary>
/// Planes of zeros in memory that goes from one to the next, wiped in between: pinned memory is dear to make and to
/// collect. It has one owner at a time, who gives it back once.
/// </summary>
internal sealed class PlaneLease : IDisposable
{
    /// <summary>What is kept for the next, of all lengths together: of more, what has lain longest goes.</summary>
    private const long MostKeptWords = 1L << 23;

    private static readonly Lock Lock = new();

    /// <summary>In the order in which they came. Few: no more than were in use at once.</summary>
    private static readonly List<SecretArray<ulong>> Kept = [];

    private static long _keptWords;

    private SecretArray<ulong>? _memory;

    /// <summary>Planes of zeros.</summary>
    /// <param name="planes">How many planes.</param>
    /// <param name="items">How many items.</param>
    public PlaneLease(int planes, int items)
    {
        int words = checked(planes * BitPlanes.WordsFor(items));
        _memory = TakeKept(words) ?? new SecretArray<ulong>(words);
        Planes = new BitPlanes(_memory, planes, items);
    }

    /// <summary>The planes; not to be used after the memory is given back.</summary>
    public BitPlanes Planes { get; }

    /// <summary>Wipes the memory and gives it back.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _memory, null) is not { } memory)
        {
            return;
        }

        memory.Wipe();
        lock (Lock)
        {
            Kept.Add(memory);
            _keptWords += memory.Length;
            while (_keptWords > MostKeptWords)
            {
                RemoveAt(0);
            }
        }
    }

    /// <summary>Memory of this length, or of the next one that is an eighth longer at most.</summary>
    private static SecretArray<ulong>? TakeKept(int words)
    {
        lock (Lock)
        {
            int best = -1;
            for (int i = Kept.Count - 1; i >= 0 && (best < 0 || Kept[best].Length > words); i--)
            {
                int longer = Kept[i].Length - words;
                if (longer >= 0 && longer <= words / 8 && (best < 0 || Kept[i].Length < Kept[best].Length))
                {
                    best = i;
                }
            }

            return best < 0 ? null : RemoveAt(best);
        }
    }

    private static SecretArray<ulong> RemoveAt(int index)
    {
        SecretArray<ulong> memory = Kept[index];
        Kept.RemoveAt(index);
        _keptWords -= memory.Length;
        return memory;
    }
}
