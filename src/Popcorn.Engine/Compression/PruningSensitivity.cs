namespace Popcorn.Engine.Compression;

/// <summary>An accuracy under pruning.</summary>
/// <param name="Sparsity">Share of a layer's weights that were pruned.</param>
/// <param name="Accuracy">The network's accuracy then, a fraction.</param>
internal sealed record PrunedAccuracy(double Sparsity, double Accuracy);

/// <summary>How a network bears the pruning of one layer.</summary>
/// <param name="Name">The layer's name.</param>
/// <param name="Weights">Its weights.</param>
/// <param name="Accuracy">For each sparsity that was tried.</param>
internal sealed record LayerSensitivity(string Name, int Weights, IReadOnlyList<PrunedAccuracy> Accuracy);

/// <summary>Which layers of a network bear pruning: each is pruned while all others stay as they are.</summary>
internal static class PruningSensitivity
{
    /// <summary>Evaluates the network for each layer and sparsity, and once with nothing pruned.</summary>
    /// <param name="layers">The network's layers, and how many weights each has.</param>
    /// <param name="given">The sparsities of layers that are pruned in any case.</param>
    /// <param name="sparsities">What to try, 0 … 1.</param>
    /// <param name="accuracyOf">The network's accuracy with layers pruned.</param>
    /// <param name="progress">Told what is done of what: done, in all, the layer at hand.</param>
    public static IReadOnlyList<LayerSensitivity> Measure(
        IReadOnlyList<(string Name, int Weights)> layers, IReadOnlyDictionary<string, double> given,
        IReadOnlyList<double> sparsities, Func<IReadOnlyDictionary<string, double>, double> accuracyOf,
        Action<int, int, string> progress)
    {
        double? unpruned = null;
        var result = new List<LayerSensitivity>();
        foreach ((string name, int weights) in layers)
        {
            var accuracies = new List<PrunedAccuracy>();
            foreach (double sparsity in sparsities)
            {
                progress((result.Count * sparsities.Count) + accuracies.Count, layers.Count * sparsities.Count, name);
                var pruned = new Dictionary<string, double>(given) { [name] = sparsity };
                bool isUnpruned = pruned.Values.All(share => share == 0);
                accuracies.Add(new PrunedAccuracy(
                    sparsity, isUnpruned ? unpruned ??= accuracyOf(pruned) : accuracyOf(pruned)));
            }

            result.Add(new LayerSensitivity(name, weights, accuracies));
        }

        return result;
    }
}
