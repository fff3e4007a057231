using Popcorn.Engine.Import;
using Popcorn.Engine.Model;

namespace Popcorn.Engine.Compression;

/// <summary>An accuracy under pruning.</summary>
/// <param name="Sparsity">Share of a layer's weights that were pruned.</param>
/// <param name="Accuracy">The network's accuracy then, a fraction.</param>
public sealed record PrunedAccuracy(double Sparsity, double Accuracy);

/// <summary>How a network bears the pruning of one layer.</summary>
/// <param name="Name">The layer's name, as <see cref="ImportOptions.LayerSparsity"/> takes it.</param>
/// <param name="Weights">Its weights.</param>
/// <param name="Accuracy">For each sparsity that was tried.</param>
public sealed record LayerSensitivity(string Name, int Weights, IReadOnlyList<PrunedAccuracy> Accuracy);

/// <summary>Which layers of a network bear pruning: each is pruned while all others stay as they are.</summary>
public static class PruningSensitivity
{
    /// <summary>Imports the network for each layer and sparsity, and once with nothing pruned.</summary>
    /// <param name="onnx">The ONNX file.</param>
    /// <param name="options">How to import it; what they say of the layer itself and of all together does not count.</param>
    /// <param name="sparsities">What to try, 0 … 1.</param>
    /// <param name="accuracyOf">Evaluates a network.</param>
    /// <param name="progress">Told what is done of what: done, in all, the layer at hand.</param>
    /// <exception cref="PopcornException">The file cannot be imported.</exception>
    public static IReadOnlyList<LayerSensitivity> Measure(
        byte[] onnx, ImportOptions options, IReadOnlyList<double> sparsities, Func<IntegerNetwork, double> accuracyOf,
        Action<int, int, string> progress)
    {
        ImportOptions quiet = options with { Sparsity = 0, Report = null };
        IReadOnlyList<(string Name, int Weights)> layers = OnnxImporter.LayersOf(onnx, quiet);
        double? unpruned = null;
        var result = new List<LayerSensitivity>();
        foreach ((string name, int weights) in layers)
        {
            var accuracies = new List<PrunedAccuracy>();
            foreach (double sparsity in sparsities)
            {
                progress((result.Count * sparsities.Count) + accuracies.Count, layers.Count * sparsities.Count, name);
                var pruned = new Dictionary<string, double>(options.LayerSparsity) { [name] = sparsity };
                accuracies.Add(new PrunedAccuracy(
                    sparsity,
                    pruned.Values.All(share => share == 0) ? unpruned ??= AccuracyWith(pruned) : AccuracyWith(pruned)));
            }

            result.Add(new LayerSensitivity(name, weights, accuracies));
        }

        return result;

        double AccuracyWith(Dictionary<string, double> pruned) =>
            accuracyOf(OnnxImporter.Import(onnx, quiet with { LayerSparsity = pruned }));
    }
}
