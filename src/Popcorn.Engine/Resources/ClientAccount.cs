namespace Popcorn.Engine.Resources;

/// <summary>
/// What the clients of one address have of a server: as the server cannot tell who they are, they share what one may
/// have.
/// </summary>
public sealed class ClientAccount
{
    internal ClientAccount(string address, Share queries, Share builds)
    {
        Address = address;
        Queries = queries;
        Builds = builds;
    }

    /// <summary>The address.</summary>
    public string Address { get; }

    /// <summary>Connections open now; guarded by the server's list of accounts.</summary>
    internal int Connections { get; set; }

    /// <summary>Bytes reserved; guarded by the budget.</summary>
    internal long Reserved { get; set; }

    /// <summary>Its share of the turns of queries.</summary>
    internal Share Queries { get; }

    /// <summary>Its share of the turns in which tables are built.</summary>
    internal Share Builds { get; }
}
