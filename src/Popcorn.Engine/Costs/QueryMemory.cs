using Popcorn.Engine.Model;
using Popcorn.Engine.Planning;

namespace Popcorn.Engine.Costs;

/// <summary>The most memory that the values of one query take on the server; a function of the plan alone.</summary>
internal static class QueryMemory
{
    /// <summary>
    /// The peak over all layers, in bytes, for all images: values that a later layer reads, and what a layer itself
    /// works on.
    /// </summary>
    public static long Of(Plan plan)
    {
        PublicNetwork network = plan.Network;
        int[] lastReader = network.LastReaders();
        long live = BytesOf(0);
        long peak = live;
        for (int i = 0; i < network.Layers.Count; i++)
        {
            long own = BytesOf(i + 1);
            long work = plan.Steps.Where(step => step.Layer == i).Max(step => (long?)step.ServerBytes) ?? 0;
            peak = Math.Max(peak, live + work + own);
            live += own - network.Layers[i].Inputs.Distinct().Where(v => lastReader[v] == i).Sum(BytesOf);
        }

        return peak;

        long BytesOf(int value) => plan.ServerBytesOf(network.ShapeOf(value));
    }
}
