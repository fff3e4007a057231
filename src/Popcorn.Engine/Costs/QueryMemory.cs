using Popcorn.Engine.Model;
using Popcorn.Engine.Planning;
using Popcorn.Engine.Protocols;

namespace Popcorn.Engine.Costs;

/// <summary>The most memory that one query takes on the server, beside model and tables.</summary>
internal static class QueryMemory
{
    /// <summary>Buffers of a round's chunks: they are recycled by size, and each round has sizes of its own.</summary>
    private const long ChunksOfRound = IExchange.MessagesAhead * Plan.MaxPayloadBytes;

    /// <summary>
    /// The peak over all layers, in bytes, for all images: values that a later layer reads, and what a layer itself
    /// works on, in its chunks too; what comes before it is due; and what preparation leaves.
    /// </summary>
    /// <param name="plan">The query's plan.</param>
    /// <param name="model">Who runs it.</param>
    public static long Of(Plan plan, ServerModel model)
    {
        PublicNetwork network = plan.Network;
        int[] lastReader = network.LastReaders();
        long live = BytesOf(0);
        long peak = live;
        for (int i = 0; i < network.Layers.Count; i++)
        {
            long own = BytesOf(i + 1);
            peak = Math.Max(peak, live + model.WorkBytes(plan, i) + own);
            live += own - network.Layers[i].Inputs.Distinct().Where(v => lastReader[v] == i).Sum(BytesOf);
        }

        return peak + plan.Rounds * ChunksOfRound + plan.MostBytesAhead + model.BundleBytes(plan);

        long BytesOf(int value) => plan.ServerBytesOf(network.ShapeOf(value));
    }
}
