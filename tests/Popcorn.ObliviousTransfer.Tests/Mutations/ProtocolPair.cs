using Popcorn.ObliviousTransfer.Comparisons;
using Popcorn.ObliviousTransfer.Extension;
using Popcorn.ObliviousTransfer.Flows;
using Popcorn.ObliviousTransfer.Sessions;
using Popcorn.ObliviousTransfer.Tests.Comparisons;
using Popcorn.ObliviousTransfer.Tests.Correlations;

namespace Popcorn.ObliviousTransfer.Tests.Mutations;

/// <summary>Both sides of a protocol that is about to begin.</summary>
/// <param name="Server">The server's side.</param>
/// <param name="Client">The client's side.</param>
/// <param name="Finish">Takes what both have at the end.</param>
/// <param name="Owned">What else is to be disposed.</param>
internal sealed record ProtocolPair(Protocol Server, Protocol Client, Action Finish, params IDisposable[] Owned)
    : IDisposable
{
    public void Dispose()
    {
        Server.Dispose();
        Client.Dispose();
        Array.ForEach(Owned, owned => owned.Dispose());
    }

    /// <summary>The beginning of a connection.</summary>
    public static ProtocolPair OfSetUp()
    {
        SetUp server = SetUp.For(Party.Server), client = SetUp.For(Party.Client);
        return new ProtocolPair(server, client, () =>
        {
            server.Finish().Dispose();
            client.Finish().Dispose();
        });
    }

    /// <summary>COTs in both directions.</summary>
    public static ProtocolPair OfExtension(int seed, FerretParameters? steady, int count)
    {
        (Transfers server, Transfers client) = Transcript.Connect(seed, steady);
        return new ProtocolPair(
            server.Extend(count, count / 2),
            client.Extend(count / 2, count),
            () =>
            {
                foreach (Transfers party in new[] { server, client })
                {
                    party.Sending.Take(new Block[count / 2]);
                    party.Receiving.Take(new Block[count / 2]);
                }
            },
            server,
            client);
    }

    /// <summary>Chosen transfers, on COTs that are there.</summary>
    public static ProtocolPair OfChoices(Transfers server, Transfers client, int count, Random random)
    {
        bool isServers = random.Next(2) == 0;
        byte[] choices = [.. Enumerable.Range(0, count).Select(_ => (byte)random.Next(2))];
        Protocol sender = (isServers ? server : client).Send(new Block[count], new Block[count]);
        ChosenReceiver receiver = (isServers ? client : server).Receive(choices);
        return new ProtocolPair(
            isServers ? sender : receiver,
            isServers ? receiver : sender,
            () =>
            {
                Assert.Null(sender.Due is { } due ? throw new InvalidOperationException($"{due}") : null);
                Assert.Equal(count, receiver.Messages.Length);
            });
    }

    /// <summary>Tickets.</summary>
    public static ProtocolPair OfPreparation(ComparisonPlan plan, int items, Random random)
    {
        IdealPads pads = new((ulong)random.Next());
        ulong[] shares = Numbers(random, plan.Operation.ShareKnown ? items * plan.Operation.Operands : 0);
        var server = Preparation.OfServer(plan, items, pads.Server);
        var client = Preparation.OfClient(plan, shares, Numbers(random, items), pads.Client);
        return new ProtocolPair(server, client, () =>
        {
            server.TakeTickets().Dispose();
            client.TakeTickets().Dispose();
        });
    }

    /// <summary>A query.</summary>
    public static ProtocolPair OfComparison(ComparisonPlan plan, int items, Random random)
    {
        Operation operation = plan.Operation;
        ulong[] shares = Numbers(random, items * operation.Operands), results = Numbers(random, items);
        (Tickets ofServer, Tickets ofClient) =
            BothParties.Prepare(plan, shares, results, new IdealPads((ulong)random.Next()));
        var server = Comparison.OfServer(ofServer, shares, operation is Clip ? new ulong[items] : []);
        Comparison client = operation.ShareKnown
            ? Comparison.OfClient(ofClient)
            : Comparison.OfClient(ofClient, shares);
        return new ProtocolPair(server, client, () =>
        {
            server.CopyResults(results);
            client.CopyResults(results);
        });
    }

    private static ulong[] Numbers(Random random, int count) =>
        [.. Enumerable.Range(0, count).Select(_ => (ulong)random.NextInt64())];
}
