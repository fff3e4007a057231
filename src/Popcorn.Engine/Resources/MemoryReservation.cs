namespace Popcorn.Engine.Resources;

/// <summary>A part of a <see cref="MemoryBudget"/>; its disposal gives the part back, once.</summary>
public sealed class MemoryReservation : IDisposable
{
    private MemoryBudget? _budget;

    internal MemoryReservation(MemoryBudget budget, ClientAccount client, long bytes)
    {
        _budget = budget;
        Client = client;
        Bytes = bytes;
    }

    /// <summary>Whose it is.</summary>
    public ClientAccount Client { get; }

    /// <summary>Its size in bytes.</summary>
    public long Bytes { get; private set; }

    /// <summary>Gives back what is more than so many bytes; for the holder alone, before its disposal.</summary>
    internal void ShrinkTo(long bytes)
    {
        if (_budget is MemoryBudget budget && bytes < Bytes)
        {
            long rest = Bytes - bytes;
            Bytes = bytes;
            budget.Return(Client, rest);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => Interlocked.Exchange(ref _budget, null)?.Return(Client, Bytes);
}
