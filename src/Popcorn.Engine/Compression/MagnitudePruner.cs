namespace Popcorn.Engine.Compression;

/// <summary>
/// Prunes weights by magnitude, globally. Layers differ in scale, so magnitudes are compared after a normalisation:
/// a weight's score is w² over the sum of the squares of its layer's weights that are not smaller. This is how much of
/// the layer that would remain goes with it; it never empties a layer while another has more to give.
/// </summary>
internal static class MagnitudePruner
{
    /// <summary>Sets the weights with the lowest scores to zero, in place.</summary>
    /// <param name="layers">Weights of every layer.</param>
    /// <param name="sparsity">Least share of zeros over all layers, 0…1 (1 excluded); existing ones count.</param>
    /// <returns>The number of weights that are zero afterwards.</returns>
    public static long Prune(IReadOnlyList<double[]> layers, double sparsity)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(sparsity);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(sparsity, 1);
        long total = layers.Sum(l => (long)l.Length);
        long zeros = layers.Sum(l => (long)l.AsSpan().Count(0.0));
        long wanted = (long)Math.Ceiling(sparsity * total);
        if (zeros >= wanted)
        {
            return zeros;
        }

        var candidates = new List<(double Score, int Layer, int Index)>();
        for (int i = 0; i < layers.Count; i++)
        {
            AddCandidates(candidates, i, layers[i]);
        }

        candidates.Sort();
        foreach ((_, int layer, int index) in candidates.Take((int)(wanted - zeros)))
        {
            layers[layer][index] = 0;
        }

        return wanted;
    }

    private static void AddCandidates(
        List<(double Score, int Layer, int Index)> candidates, int layer, double[] weights)
    {
        int[] order = [.. Enumerable.Range(0, weights.Length).Where(i => weights[i] != 0)];
        Array.Sort(Array.ConvertAll(order, i => Math.Abs(weights[i])), order);
        // Scaling by the largest weight keeps the squares within the range of a double.
        double largest = order.Length > 0 ? Math.Abs(weights[order[^1]]) : 1;
        double remaining = 0;
        for (int i = order.Length - 1; i >= 0; i--)
        {
            double square = Math.Pow(weights[order[i]] / largest, 2);
            remaining += square;
            candidates.Add((square / remaining, layer, order[i]));
        }
    }
}
