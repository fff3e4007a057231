using System.Collections.Concurrent;

namespace Popcorn.ObliviousTransfer.Bits;

/// <summary>
/// Planes of zeros in memory that goes from one to the next, wiped in between: pinned memory is dear to make and to
/// collect. It has one owner at a time, who gives it back once.
/// </summary>
internal sealed class PlaneLease : IDisposable
{
    /// <summary>What is kept for the next, of all lengths together.</summary>
    private const long MostKeptWords = 1L << 22;

    private static readonly ConcurrentDictionary<int, ConcurrentBag<SecretArray<ulong>>> Kept = new();
    private static long _keptWords;

    private SecretArray<ulong>? _memory;

    /// <summary>Planes of zeros.</summary>
    /// <param name="planes">How many planes.</param>
    /// <param name="items">How many items.</param>
    public PlaneLease(int planes, int items)
    {
        int words = checked(planes * BitPlanes.WordsFor(items));
        if (Kept.TryGetValue(words, out ConcurrentBag<SecretArray<ulong>>? kept) && kept.TryTake(out _memory))
        {
            Interlocked.Add(ref _keptWords, -words);
        }

        _memory ??= new SecretArray<ulong>(words);
        Planes = new BitPlanes(_memory, planes, items);
    }

    /// <summary>The planes; not to be used after the memory is given back.</summary>
    public BitPlanes Planes { get; }

    /// <summary>Wipes the memory and gives it back.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _memory, null) is { } memory)
        {
            if (memory.Length > MostKeptWords)
            {
                memory.Dispose();
                return;
            }

            memory.Wipe();
            if (Interlocked.Add(ref _keptWords, memory.Length) > MostKeptWords)
            {
                DropAll(); // of lengths, perhaps, that nobody wants any more
            }

            Kept.GetOrAdd(memory.Length, _ => []).Add(memory);
        }
    }

    private static void DropAll()
    {
        foreach (ConcurrentBag<SecretArray<ulong>> kept in Kept.Values)
        {
            while (kept.TryTake(out SecretArray<ulong>? memory))
            {
                Interlocked.Add(ref _keptWords, -memory.Length);
                memory.Dispose();
            }
        }
    }
}
