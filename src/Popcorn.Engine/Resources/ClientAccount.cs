namespace Popcorn.Engine.Resources;

/// <summary>What a client may have of a server at the same time, in all its sessions together.</summary>
public sealed record ClientAllowance
{
    /// <summary>As much as all have.</summary>
    public static ClientAllowance Unlimited { get; } = new();

    /// <summary>Prepared queries, those among them that are asked at once.</summary>
    public int Bundles { get; init; } = int.MaxValue;

    /// <summary>Bytes of memory; never more than the server leaves any client.</summary>
    public long MemoryBytes { get; init; } = long.MaxValue;
}

/// <summary>
/// What a client has of a server, or the clients of one address: where the server cannot tell who they are, they share
/// what one may have.
/// </summary>
public sealed class ClientAccount
{
    private int _prepared;

    internal ClientAccount(string address, Share queries, Share builds)
    {
        Address = address;
        Queries = queries;
        Builds = builds;
    }

    /// <summary>The address.</summary>
    public string Address { get; }

    /// <summary>What it may have, as it was when it last connected.</summary>
    internal ClientAllowance Allowance { get; set; } = ClientAllowance.Unlimited;

    /// <summary>Connections open now; guarded by the server's list of accounts.</summary>
    internal int Connections { get; set; }

    /// <summary>Bytes reserved; guarded by the budget.</summary>
    internal long Reserved { get; set; }

    /// <summary>Its share of the turns of queries.</summary>
    internal Share Queries { get; }

    /// <summary>Its share of the turns in which tables are built.</summary>
    internal Share Builds { get; }

    /// <summary>Counts a query more that is prepared, or will be.</summary>
    /// <returns>False where it may have no more.</returns>
    internal bool TryPrepare()
    {
        if (Interlocked.Increment(ref _prepared) <= Allowance.Bundles)
        {
            return true;
        }

        EndPrepared(1);
        return false;
    }

    /// <summary>So many fewer are.</summary>
    internal void EndPrepared(int count) => Interlocked.Add(ref _prepared, -count);
}
