using Popcorn.ObliviousTransfer.Flows;
using Popcorn.ObliviousTransfer.Sessions;

namespace Popcorn.ObliviousTransfer.Tests;

/// <summary>Both parties in one thread.</summary>
internal static class TwoParties
{
    /// <summary>Runs both sides of a protocol to the end.</summary>
    /// <param name="server">The server's side.</param>
    /// <param name="client">The client's side.</param>
    /// <returns>All messages, in order.</returns>
    public static List<byte[]> Run(Protocol server, Protocol client)
    {
        Assert.Equal(server.Flows, client.Flows);
        List<byte[]> messages = [];
        while (server.Due is { } due)
        {
            var message = new byte[due.Bytes];
            message.AsSpan().Fill(0xA5); // all of it is to be written
            (due.From == Party.Server ? server : client).Write(message);
            (due.From == Party.Server ? client : server).Read(message);
            messages.Add(message);
        }

        Assert.Null(client.Due);
        return messages;
    }

    /// <summary>Both ends of a connection that was just begun.</summary>
    public static (Transfers Server, Transfers Client) Connect(TransferOptions? options = null)
    {
        using SetUp server = SetUp.For(Party.Server, options), client = SetUp.For(Party.Client, options);
        Run(server, client);
        return (server.Finish(), client.Finish());
    }

    /// <summary>Makes COTs until there are so many in both directions.</summary>
    public static List<byte[]> Extend(Transfers server, Transfers client, int direction0, int direction1)
    {
        using Protocol a = server.Extend(direction0, direction1), b = client.Extend(direction1, direction0);
        return Run(a, b);
    }
}
