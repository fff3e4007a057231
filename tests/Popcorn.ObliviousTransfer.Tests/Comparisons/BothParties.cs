using Popcorn.ObliviousTransfer.Comparisons;
using Popcorn.ObliviousTransfer.Flows;
using Popcorn.ObliviousTransfer.Tests.Correlations;

namespace Popcorn.ObliviousTransfer.Tests.Comparisons;

/// <summary>What an operation gave, and all messages of its query.</summary>
/// <param name="Client">The client's shares of the results.</param>
/// <param name="Server">The server's.</param>
/// <param name="Messages">In order.</param>
internal sealed record Outcome(ulong[] Client, ulong[] Server, IReadOnlyList<(Flow Flow, byte[] Bytes)> Messages)
{
    /// <summary>The results.</summary>
    public ulong[] Sums(int bits) => [.. Client.Zip(Server, (a, b) => (a + b) & BothParties.Mask(bits))];
}

/// <summary>Runs both parties of an operation in one process.</summary>
internal static class BothParties
{
    public static ulong Mask(int bits) => ulong.MaxValue >> (64 - bits);

    /// <summary>Prepares and computes.</summary>
    public static Outcome Run(
        ComparisonPlan plan, ulong[] client, ulong[] server, ulong seed = 1, ulong[]? caps = null)
    {
        int items = client.Length / plan.Operation.Operands;
        ulong[] results = new SplitMix(~seed).Numbers(items, plan.Operation.ResultBits);
        (Tickets ofServer, Tickets ofClient) = Prepare(plan, client, results, new IdealPads(seed));
        using Comparison forServer = Comparison.OfServer(ofServer, server, caps);
        using Comparison forClient = plan.Operation.ShareKnown
            ? Comparison.OfClient(ofClient)
            : Comparison.OfClient(ofClient, client);
        var messages = Exchange(forServer, forClient);
        ulong[] serverShares = new ulong[items], clientShares = new ulong[items];
        forServer.CopyResults(serverShares);
        forClient.CopyResults(clientShares);
        Assert.Equal(results, clientShares);
        return new Outcome(clientShares, serverShares, messages);
    }

    /// <summary>Makes the tickets of both parties.</summary>
    public static (Tickets Server, Tickets Client) Prepare(
        ComparisonPlan plan, ulong[] client, ulong[] results, IdealPads pads)
    {
        using var server = Preparation.OfServer(plan, results.Length, pads.Server);
        using var ofClient = Preparation.OfClient(
            plan, plan.Operation.ShareKnown ? client : [], results, pads.Client);
        Exchange(server, ofClient);
        Assert.Equal(pads.Server.Calls, pads.Client.Calls);
        return (server.TakeTickets(), ofClient.TakeTickets());
    }

    /// <summary>Carries the messages.</summary>
    public static List<(Flow Flow, byte[] Bytes)> Exchange(Protocol server, Protocol client)
    {
        Assert.Equal(server.Flows, client.Flows);
        List<(Flow, byte[])> messages = [];
        while (server.Due is { } due)
        {
            var message = new byte[due.Bytes];
            message.AsSpan().Fill(0xA5);
            (Protocol from, Protocol to) = due.From == Party.Server ? (server, client) : (client, server);
            from.Write(message);
            to.Read(message);
            messages.Add((due, message));
        }

        Assert.Null(client.Due);
        return messages;
    }
}
