using System.Runtime.Intrinsics;
using Popcorn.ObliviousTransfer.Extension;
using Popcorn.ObliviousTransfer.Flows;
using Popcorn.ObliviousTransfer.Sessions;

namespace Popcorn.KernelTiming.TwoParty;

/// <summary>Both ends of a connection, in one thread.</summary>
internal sealed class Connection : IDisposable
{
    private readonly Vector128<ulong>[] _dropped = new Vector128<ulong>[1024];

    /// <summary>Begins one.</summary>
    /// <param name="options">Of both parties.</param>
    public Connection(TransferOptions options)
    {
        using SetUp server = SetUp.For(Party.Server, options), client = SetUp.For(Party.Client, options);
        Run(server, client);
        Server = server.Finish();
        Client = client.Finish();
    }

    /// <summary>The server's end.</summary>
    public Transfers Server { get; }

    /// <summary>The client's end.</summary>
    public Transfers Client { get; }

    /// <summary>A connection whose silent extension has come to the set that it settles on, in one direction or both.
    /// </summary>
    public static Connection Settled(FerretParameters set, bool bothDirections)
    {
        var connection = new Connection(new TransferOptions(set));
        long more = CotChain.FirstSet.Outputs - set.Consumed + 1;
        connection.Extend(more, bothDirections ? more : 0);
        connection.Drop();
        return connection;
    }

    /// <summary>Runs both sides of a protocol to the end.</summary>
    /// <returns>All messages, in order.</returns>
    public static List<byte[]> Run(Protocol server, Protocol client)
    {
        List<byte[]> messages = [];
        while (server.Due is { } due)
        {
            var message = new byte[due.Bytes];
            (due.From == Party.Server ? server : client).Write(message);
            (due.From == Party.Server ? client : server).Read(message);
            messages.Add(message);
        }

        return messages;
    }

    /// <summary>One party's end.</summary>
    public Transfers EndOf(Party party) => party == Party.Server ? Server : Client;

    /// <summary>Makes COTs until there are so many in each direction.</summary>
    public void Extend(long direction0, long direction1)
    {
        using Protocol server = Server.Extend(direction0, direction1), client = Client.Extend(direction1, direction0);
        Run(server, client);
    }

    /// <summary>Takes all COTs out; both parties must have as many.</summary>
    public void Drop()
    {
        foreach (CotPool pool in (CotPool[])[Server.Sending, Server.Receiving, Client.Sending, Client.Receiving])
        {
            Drop(pool, pool.Available);
        }
    }

    /// <summary>Takes some COTs out.</summary>
    public void Drop(CotPool pool, int count)
    {
        for (int left = count; left > 0; left -= _dropped.Length)
        {
            pool.Take(_dropped.AsSpan(0, Math.Min(left, _dropped.Length)));
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Server.Dispose();
        Client.Dispose();
    }
}
