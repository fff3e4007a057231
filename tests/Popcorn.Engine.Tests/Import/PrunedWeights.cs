using Popcorn.Engine.Compression;

namespace Popcorn.Engine.Tests.Import;

/// <summary>A network in floating point that is pruned as the importer prunes, where it has no batch norms.</summary>
internal static class PrunedWeights
{
    public static byte[] Of(byte[] onnx, double sparsity) => NetworkWeights.Edit(
        onnx, weights => MagnitudePruner.Prune([.. weights.Layers.Select(l => l.Values)], sparsity));
}
