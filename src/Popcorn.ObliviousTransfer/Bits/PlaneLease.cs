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

    /// <summary>By length, the last to come first, each with the number that it came with.</summary>
    private static readonly Dictionary<int, LinkedList<(SecretArray<ulong> Memory, long Number)>> Kept = [];

    private static long _keptWords;
    private static long _given;

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
            if (!Kept.TryGetValue(memory.Length, out LinkedList<(SecretArray<ulong>, long)>? same))
            {
                Kept.Add(memory.Length, same = []);
            }

            same.AddFirst((memory, _given++));
            _keptWords += memory.Length;
            while (_keptWords > MostKeptWords)
            {
                Remove(Kept.Values.MinBy(kept => kept.Last!.Value.Number)!.Last!);
            }
        }
    }

    /// <summary>Memory of this length, or of one that is an eighth longer at most.</summary>
    private static SecretArray<ulong>? TakeKept(int words)
    {
        lock (Lock)
        {
            if (!Kept.TryGetValue(words, out LinkedList<(SecretArray<ulong>, long)>? fitting))
            {
                fitting = Kept.Where(kept => kept.Key > words && kept.Key - words <= words / 8).DefaultIfEmpty()
                    .MinBy(kept => kept.Key).Value;
            }

            return fitting is null ? null : Remove(fitting.First!);
        }
    }

    private static SecretArray<ulong> Remove(LinkedListNode<(SecretArray<ulong> Memory, long Number)> kept)
    {
        SecretArray<ulong> memory = kept.Value.Memory;
        LinkedList<(SecretArray<ulong>, long)> same = kept.List!;
        same.Remove(kept);
        if (same.Count == 0)
        {
            Kept.Remove(memory.Length);
        }

        _keptWords -= memory.Length;
        return memory;
    }
}
