using Popcorn.ObliviousTransfer.Extension;
using Popcorn.ObliviousTransfer.Flows;

namespace Popcorn.Engine.Shares;

/// <summary>What a connection and its queries take of memory, in bytes.</summary>
internal static class SharesMemory
{
    private const int BlockBytes = 16;

    /// <summary>
    /// What transfers of a connection take of a party: in each direction COTs, the vector that an iteration starts
    /// from, that of the next one, and a tree.
    /// </summary>
    /// <param name="plan">The largest plan that the connection keeps room for.</param>
    public static long OfTransfers(SharesPlan plan)
    {
        FerretParameters set = plan.Sizes.Silent;
        (long ofServer, long ofClient) = plan.CotsAtOnce;
        return BlockBytes * (ofServer + ofClient + (4L * (set.Consumed + set.Leaves)));
    }

    /// <summary>On the client, while it is made and until it is used.</summary>
    public static long OfClient(SharesPlan plan) =>
        OfTransfers(plan) + plan.MostBytesAhead + TicketsOf(plan, Party.Client) + ValuesOf(plan);

    /// <summary>On the server, from preparation to query.</summary>
    public static long OfBundle(SharesPlan plan) => TicketsOf(plan, Party.Server)
        + plan.Packs.Sum(step => (long)plan.Images * step.Linear.OutputSize * sizeof(ulong));

    private static long TicketsOf(SharesPlan plan, Party party) => plan.Tickets.Sum(step =>
        Enumerable.Range(0, step.Chunks.Count)
            .Sum(chunk => step.Round.Comparison.TicketBytes(party, step.Chunks.ItemsIn(chunk))));

    private static long ValuesOf(SharesPlan plan)
    {
        long numbers = plan.Network.Input.Shape.Size;
        for (int i = 0; i < plan.Network.Layers.Count; i++)
        {
            numbers += plan.Network.Layers[i].Output.Size + (plan.Layers.RoundsOf(i)?.Board ?? 0);
        }

        return numbers * plan.Images * sizeof(ulong);
    }
}
