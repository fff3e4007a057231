using System.Numerics;
using Popcorn.Cli.Data;
using Popcorn.Engine.Evaluation;
using Popcorn.Engine.Model;

namespace Popcorn.Cli;

/// <summary>A test set: the first images of a source, and what their labels mean to a network.</summary>
/// <param name="source">The images.</param>
/// <param name="count">How many of them.</param>
/// <param name="labelOffset">Added to every label.</param>
internal sealed class TestImages(IImageSource source, int count, int labelOffset)
{
    /// <summary>With so many classes it is usual to tell as well how often the right one is among the first five.</summary>
    private const int ManyClasses = 100;

    /// <summary>Number of images.</summary>
    public int Count => count;

    /// <summary>Shows every image to a network.</summary>
    /// <param name="network">The network.</param>
    /// <param name="done">Takes an image's number and logits, in no particular order.</param>
    /// <param name="cancellationToken">Stops it.</param>
    public Recognition Evaluate(
        IntegerNetwork network, Action<int, BigInteger[]> done, CancellationToken cancellationToken)
    {
        int labelled = 0;
        int right = 0;
        int amongFive = 0;
        new PlainEvaluator(network).Evaluate(
            count,
            source.Read,
            (i, logits) =>
            {
                if (source.Label(i) + labelOffset is int expected)
                {
                    labelled++;
                    right += PlainEvaluator.Label(logits) == expected ? 1 : 0;
                    amongFive += IsAmongGreatest(logits, expected, 5) ? 1 : 0;
                }

                done(i, logits);
            },
            cancellationToken);
        return new Recognition(
            labelled == 0 ? null : (double)right / labelled,
            labelled == 0 || network.Outputs < ManyClasses ? null : (double)amongFive / labelled);
    }

    private static bool IsAmongGreatest(BigInteger[] logits, int label, int places) =>
        label >= 0 && label < logits.Length && logits.Count(logit => logit > logits[label]) < places;
}

/// <summary>How often a network is right.</summary>
/// <param name="Accuracy">Share of the labelled images that it recognises; null: there are none.</param>
/// <param name="Top5">Share of those whose class is among its first five, where there are many classes.</param>
internal sealed record Recognition(double? Accuracy, double? Top5);
