using Popcorn.ObliviousTransfer.Comparisons;
using Popcorn.ObliviousTransfer.Correlations;
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
        IdealPads pads = new(seed);
        Outcome outcome = Run(plan, client, server, pads.Server, pads.Client, caps, seed);
        Assert.Equal(pads.Server.Calls, pads.Client.Calls);
        return outcome;
    }

    /// <summary>Prepares and computes, with pads from elsewhere.</summary>
    public static Outcome Run(
        ComparisonPlan plan,
        ulong[] client,
        ulong[] server,
        IPadSource serverPads,
        IPadSource clientPads,
        ulong[]? caps = null,
        ulong seed = 1)
    {
        int items = client.Length / plan.Operation.Operands;
        ulong[] results = new SplitMix(~seed).Numbers(items, plan.Operation.ResultBits);
        (Tickets ofServer, Tickets ofClient) = Prepare(plan, client, results, serverPads, clientPads);
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

    /// <summary>Makes the tickets of both parties, with a dealer's pads.</summary>
    public static (Tickets Server, Tickets Client) Prepare(
        ComparisonPlan plan, ulong[] client, ulong[] results, IdealPads pads) =>
        Prepare(plan, client, results, pads.Server, pads.Client);

    /// <summary>Makes the tickets of both parties.</summary>
    public static (Tickets Server, Tickets Client) Prepare(
        ComparisonPlan plan, ulong[] client, ulong[] results, IPadSource serverPads, IPadSource clientPads)
    {
        using var server = Preparation.OfServer(plan, results.Length, serverPads);
        using var ofClient = Preparation.OfClient(
            plan, plan.Operation.ShareKnown ? client : [], results, clientPads);
        Exchange(server, ofClient);
        return (server.TakeTickets(), ofClient.TakeTickets());
    }

    /// <summary>Carries the messages.</summary>
    public static List<(Flow Flow, byte[] Bytes)> Exchange(Protocol server, Protocol client) =>
        [.. server.Flows.Zip(TwoParties.Run(server, client))];
}
