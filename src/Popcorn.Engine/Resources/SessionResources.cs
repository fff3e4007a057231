using Popcorn.Interop;

namespace Popcorn.Engine.Resources;

/// <summary>What one session takes of its server, on its client's account.</summary>
/// <param name="server">The server.</param>
/// <param name="client">The account.</param>
/// <param name="threads">Threads that the session may use; 0: one per core.</param>
internal sealed class SessionResources(ServerResources server, ClientAccount client, int threads)
{
    private readonly Share _queries = new(client.Queries);

    /// <summary>On whose account.</summary>
    public ClientAccount Client => client;

    /// <summary>Its share of the turns in which tables are built.</summary>
    public Share Builds { get; } = new(client.Builds);

    /// <summary>Threads that a build may use now: half of the cores while another session computes, or may.</summary>
    public int BuildThreads
    {
        get
        {
            bool alone = server.Connections <= 1 && server.Queries.Running == 0;
            int cores = alone ? Environment.ProcessorCount : (Environment.ProcessorCount + 1) / 2;
            return threads == 0 ? cores : Math.Min(threads, cores);
        }
    }

    /// <summary>See <see cref="MemoryBudget.ReserveAsync"/>.</summary>
    public ValueTask<MemoryReservation> ReserveAsync(long bytes, string what, CancellationToken cancellationToken) =>
        server.Memory.ReserveAsync(client, bytes, what, cancellationToken);

    /// <summary>See <see cref="TurnQueue.TakeAsync"/>.</summary>
    public ValueTask<Turn> TakeTurnAsync(CancellationToken cancellationToken) =>
        server.Queries.TakeAsync(_queries, cancellationToken);

    /// <summary>See <see cref="TableCache.RentAsync"/>.</summary>
    public Task<TableLease<T>> RentTablesAsync<T>(
        string name, long bytes, Func<Execution, T> build, CancellationToken cancellationToken)
        where T : class, IDisposable =>
        server.Tables.RentAsync(name, bytes, this, build, cancellationToken);
}
