using Popcorn.Cli.Commands;
using Popcorn.Cli.Terminal;
using Popcorn.Engine.Import;
using Popcorn.Engine.Model;

namespace Popcorn.Cli;

/// <summary>What compression costs in accuracy: networks made of one ONNX file in several ways, on one test set.</summary>
/// <param name="images">The test set.</param>
/// <param name="import">Imports the file.</param>
/// <param name="options">How the network is made whose cost is in question.</param>
internal sealed class ImportMeasurement(
    TestImages images, Func<ImportOptions, IntegerNetwork> import, ImportOptions options)
{
    private const int FinestBits = 12;

    /// <summary>Shares of zeros to which each layer is pruned in turn.</summary>
    public static IReadOnlyList<double> Levels { get; } = [0.5, 0.7, 0.8, 0.9, 0.95];

    /// <summary>The accuracies of a report.</summary>
    /// <param name="report">The report so far.</param>
    /// <param name="network">The network that was made.</param>
    /// <param name="layers">The layers to prune one by one; none: only the network and the one before compression.</param>
    /// <param name="cancellationToken">Stops it.</param>
    public ImportReport Complete(
        ImportReport report, IntegerNetwork network, IReadOnlyList<PrunableLayer>? layers,
        CancellationToken cancellationToken)
    {
        ImportOptions quiet = options with { Report = null, ReportRemovedChannels = null };
        int networks = 2 + (layers?.Count ?? 0) * Levels.Count;
        using var progress = new ImageProgress("measuring", networks * images.Count);
        double? Accuracy(IntegerNetwork candidate) =>
            images.Evaluate(candidate, (_, _) => progress.Next(), cancellationToken).Accuracy;

        ImportOptions before = quiet with
        {
            WeightBits = FinestBits,
            Sparsity = 0,
            LayerSparsity = new Dictionary<string, double>(),
            Samples = null,
        };
        return report with
        {
            Accuracy = Accuracy(network),
            AccuracyBefore = Accuracy(import(before)),
            Sensitivity = layers is null ? null : [.. layers.Select(layer => new LayerSensitivity(
                layer.Name,
                layer.Weights,
                [.. Levels.Select(level => new PrunedAccuracy(level, Accuracy(import(Pruned(quiet, layer, level)))))]))],
        };
    }

    private static ImportOptions Pruned(ImportOptions options, PrunableLayer layer, double sparsity) => options with
    {
        LayerSparsity = new Dictionary<string, double>(options.LayerSparsity) { [layer.Name] = sparsity },
    };
}
