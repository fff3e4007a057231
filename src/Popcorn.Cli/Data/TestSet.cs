using Popcorn.Engine;
using Popcorn.Engine.Evaluation;
using Popcorn.Engine.Model;

namespace Popcorn.Cli.Data;

/// <summary>The images that a network is evaluated on.</summary>
/// <param name="Path">Where they are.</param>
/// <param name="Source">The images.</param>
/// <param name="Count">The first so many of them.</param>
/// <param name="LabelOffset">Added to every label.</param>
internal sealed record TestSet(string Path, IImageSource Source, int Count, int LabelOffset)
{
    /// <summary>The class that the network should find; null where it is not known.</summary>
    public int? Label(int index) => Source.Label(index) + LabelOffset;

    /// <summary>Refuses images without classes.</summary>
    /// <exception cref="PopcornException">There are none.</exception>
    public TestSet RequireLabels() => Source.Label(0) is not null
        ? this
        : throw new PopcornException($"'{Path}' comes without labels; name them with --labels.");

    /// <summary>The share of images that a network puts into their class.</summary>
    public double AccuracyOf(IntegerNetwork network, CancellationToken cancellationToken)
    {
        int right = 0;
        new PlainEvaluator(network).Evaluate(
            Count,
            Source.Read,
            (i, logits) => right += PlainEvaluator.Label(logits) == Label(i) ? 1 : 0,
            cancellationToken);
        return (double)right / Count;
    }
}
