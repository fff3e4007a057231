using Popcorn.ObliviousTransfer.Flows;

namespace Popcorn.Engine.Shares;

/// <summary>What a bundle takes of memory.</summary>
internal static class SharesMemory
{
    /// <summary>What transfers of a connection take, of both directions.</summary>
    private const long OfTransfers = 100L << 20;

    /// <summary>On the client, while it is made and until it is used.</summary>
    public static long OfClient(SharesPlan plan) =>
        OfTransfers + plan.MostBytesAhead + TicketsOf(plan, Party.Client) + ValuesOf(plan);

    /// <summary>On the server, from preparation to query.</summary>
    public static long OfBundle(SharesPlan plan) => TicketsOf(plan, Party.Server) + plan.Steps.OfType<PackStep>()
        .Sum(step => (long)plan.Images * step.Linear.OutputSize * sizeof(ulong));

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
