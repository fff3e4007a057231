namespace Popcorn.Engine.Resources;

/// <summary>
/// What all sessions of a server share: memory, tables, turns to compute, and an account for each address.
/// </summary>
public sealed class ServerResources : IDisposable
{
    /// <summary>Cores that a turn keeps busy: the ciphertexts of a chunk fill the lanes of two.</summary>
    private const int CoresOfTurn = 2;

    /// <summary>Turns, as a multiple of the cores, where long ones do not end.</summary>
    private const int MostTurnsPerCore = 2;

    private readonly Dictionary<string, ClientAccount> _accounts = new(StringComparer.Ordinal);
    private int _prepared;

    /// <summary>Makes what one server needs.</summary>
    /// <param name="memoryBytes">Memory of all sessions; <see cref="MemoryBudget.DefaultBytes"/> if null.</param>
    /// <param name="queueTimeout">How long a client waits for memory; 15 seconds if null.</param>
    /// <param name="keepTables">How long tables are kept that no query uses; one minute if null.</param>
    public ServerResources(long? memoryBytes = null, TimeSpan? queueTimeout = null, TimeSpan? keepTables = null)
    {
        Memory = new MemoryBudget(
            memoryBytes ?? MemoryBudget.DefaultBytes, queueTimeout ?? TimeSpan.FromSeconds(15));
        int cores = Environment.ProcessorCount;
        Queries = new TurnQueue((cores + CoresOfTurn - 1) / CoresOfTurn, MostTurnsPerCore * cores);
        Builds = new TurnQueue(1, 1);
        Tables = new TableCache(Memory, Builds, keepTables ?? TimeSpan.FromMinutes(1));
        Memory.Reclaim = Tables.EvictOne;
    }

    /// <summary>The memory.</summary>
    public MemoryBudget Memory { get; }

    /// <summary>What is in use.</summary>
    public ResourceUse Use
    {
        get
        {
            (int tables, long tableBytes) = Tables.Held;
            return new ResourceUse(
                Memory.Reserved, Memory.Waiting, tables, tableBytes, Queries.Running + Builds.Running,
                Queries.Waiting + Builds.Waiting, Volatile.Read(ref _prepared));
        }
    }

    /// <summary>Tables of clients' keys.</summary>
    internal TableCache Tables { get; }

    /// <summary>Turns of everything but tables.</summary>
    internal TurnQueue Queries { get; }

    /// <summary>
    /// Turns in which tables are built: a queue of its own, one at a time, so that new clients neither push queries
    /// aside nor wait until there are none.
    /// </summary>
    internal TurnQueue Builds { get; }

    /// <summary>Connections on all accounts.</summary>
    internal int Connections { get; private set; }

    /// <summary>Opens a connection on the account of an address.</summary>
    /// <param name="address">The address, as it is told apart from others.</param>
    /// <param name="most">Connections that it may have.</param>
    /// <param name="allowance">What else it may have; null: as much as all.</param>
    /// <returns>The account, or null where it has as many already.</returns>
    public ClientAccount? TryEnter(string address, int most, ClientAllowance? allowance = null)
    {
        lock (_accounts)
        {
            if (!_accounts.TryGetValue(address, out ClientAccount? account))
            {
                account = NewAccount(address);
                _accounts.Add(address, account);
            }

            if (account.Connections >= most)
            {
                return null;
            }

            account.Allowance = allowance ?? ClientAllowance.Unlimited;
            account.Connections++;
            Connections++;
            return account;
        }
    }

    /// <summary>Closes a connection that was opened.</summary>
    public void Leave(ClientAccount account)
    {
        ArgumentNullException.ThrowIfNull(account);
        lock (_accounts)
        {
            Connections--;
            if (--account.Connections == 0)
            {
                _accounts.Remove(account.Address);
            }
        }
    }

    /// <summary>So many more queries, or fewer, wait for their input.</summary>
    internal void CountPrepared(int change) => Interlocked.Add(ref _prepared, change);

    /// <summary>Releases the tables that are not in use; those in use go with their queries.</summary>
    public void Dispose() => Tables.Dispose();

    /// <summary>An account for itself: of a session that has no address.</summary>
    internal ClientAccount NewAccount(string address = "") =>
        new(address, new Share(Queries.Root), new Share(Builds.Root));
}
