namespace Popcorn.ObliviousTransfer.Bits;

/// <summary>
/// Planes of zeros in memory that goes from one to the next, wiped in between: pinned memory is dear to make and to
/// collect. It has one owner at a time, who gives it back once.
/// </summary>
internal sealed class PlaneLease : IDisposable
{
    private static readonly KeptMemory<SecretArray<ulong>> Kept = new(_ => { }); // the collector frees it

    private SecretArray<ulong>? _memory;

    /// <summary>Planes of zeros.</summary>
    /// <param name="planes">How many planes.</param>
    /// <param name="items">How many items.</param>
    public PlaneLease(int planes, int items)
    {
        int words = checked(planes * BitPlanes.WordsFor(items));
        _memory = Kept.TryTake(words * (long)sizeof(ulong), out SecretArray<ulong>? memory, out _)
            ? memory
            : new SecretArray<ulong>(words);
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
        Kept.Give(memory, memory.Length * (long)sizeof(ulong));
    }
}
