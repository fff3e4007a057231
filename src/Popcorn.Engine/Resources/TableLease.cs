namespace Popcorn.Engine.Resources;

/// <summary>The use of tables that a <see cref="TableCache"/> keeps; they stay at least until it is disposed.</summary>
internal sealed class TableLease<T>(T tables, Action release) : IDisposable
{
    private Action? _release = release;

    /// <summary>The tables.</summary>
    public T Tables => tables;

    public void Dispose() => Interlocked.Exchange(ref _release, null)?.Invoke();
}
