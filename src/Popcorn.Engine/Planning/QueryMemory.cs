using Popcorn.Engine.Model;
using Popcorn.Interop;

namespace Popcorn.Engine.Planning;

/// <summary>The most memory that the ciphertexts of one query take on the server, by its default kernel.</summary>
internal static class QueryMemory
{
    /// <summary>
    /// The peak over all layers, for all images: values that a later layer reads, and what the layer itself works on.
    /// </summary>
    public static long Of(Plan plan)
    {
        PublicNetwork network = plan.Network;
        var lastReader = new int[network.Layers.Count + 1];
        for (int i = 0; i < network.Layers.Count; i++)
        {
            foreach (int input in network.Layers[i].Inputs)
            {
                lastReader[input] = i;
            }
        }

        long live = network.Input.Shape.Size;
        long peak = live;
        for (int i = 0; i < network.Layers.Count; i++)
        {
            PublicLayer layer = network.Layers[i];
            peak = Math.Max(peak, live + WorkOf(plan, i) + layer.Output.Size);
            live += layer.Output.Size;
            live -= layer.Inputs.Distinct().Where(v => lastReader[v] == i).Sum(v => (long)network.ShapeOf(v).Size);
        }

        return plan.Images * peak * PaillierLibrary.NumberBytes(plan.KeyBits);
    }

    /// <summary>Ciphertexts that a layer holds for an image beside what it reads and what it gives.</summary>
    private static long WorkOf(Plan plan, int index)
    {
        PublicLayer layer = plan.Network.Layers[index];
        RoundStep[] rounds = [.. plan.Steps.OfType<RoundStep>().Where(s => s.Layer == index)];

        // A round: its items, their negatives, its results; a match has two players.
        long items = rounds.Length == 0 ? 0 : rounds.Max(r => (long)r.Items / plan.Images);
        return layer.Kind switch
        {
            LayerKind.Add => 2L * layer.Output.Size,
            _ when plan.TournamentOf(index) is Tournament tournament =>
                plan.Network.ShapeOf(layer.Input).Size + tournament.Matches + 1 + 4 * items,
            _ => 3 * items,
        };
    }
}
