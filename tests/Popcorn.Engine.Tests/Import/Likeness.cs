using System.Numerics;
using Popcorn.Engine.Evaluation;
using Popcorn.Engine.Import;
using Popcorn.Engine.Model;

namespace Popcorn.Engine.Tests.Import;

/// <summary>
/// How close a network's logits stay to those of the original in floating point: the mean over random images of the
/// cosine, about the mean over the logits.
/// </summary>
/// <param name="Imported">Of the imported network.</param>
/// <param name="Plain">Of the original with rounded weights and nothing else (<see cref="RoundedWeights"/>).</param>
/// <param name="WorstPlain">The least of that and of roundings with slightly larger steps, as good by rights.</param>
internal sealed record Likeness(double Imported, double Plain, double WorstPlain)
{
    /// <summary>Shares of the largest integer that equally good roundings use.</summary>
    private static readonly double[] Used = [1, 0.99, 0.97];

    /// <summary>Compares; where weights are to be pruned, with the pruned network in floating point.</summary>
    public static Likeness Of(byte[] onnx, ImportOptions options, int images = 64, int seed = 1)
    {
        byte[] original = options.Sparsity > 0 ? PrunedWeights.Of(onnx, options.Sparsity) : onnx;
        IntegerNetwork network = OnnxImporter.Import(onnx, options);
        int[][] inputs = RandomImages.Draw(network.Input, images, seed);
        double[][] expected = Reference(original);
        BigInteger[][] logits = new PlainEvaluator(network).Evaluate(inputs);
        double[] plain = Array.ConvertAll(
            Used, used => Mean(Reference(RoundedWeights.Of(original, options.WeightBits, used))));
        return new Likeness(
            Mean(logits.Select(l => Array.ConvertAll(l, x => (double)x * network.LogitScale))), plain[0], plain.Min());

        double[][] Reference(byte[] file)
        {
            using var reference = new OnnxRuntimeReference(file);
            return Array.ConvertAll(inputs, x => reference.Run(RandomImages.ToReal(x, options)));
        }

        double Mean(IEnumerable<double[]> actual) => actual.Zip(expected, Cosine).Average();
    }

    /// <summary>The cosine of two vectors about their means.</summary>
    public static double Cosine(double[] a, double[] b)
    {
        double meanA = a.Average(), meanB = b.Average();
        double product = a.Zip(b, (x, y) => (x - meanA) * (y - meanB)).Sum();
        double squares = a.Sum(x => (x - meanA) * (x - meanA)) * b.Sum(y => (y - meanB) * (y - meanB));
        // Vectors that say nothing are alike only to each other.
        return squares > 0 ? product / Math.Sqrt(squares) : a.SequenceEqual(b) ? 1 : 0;
    }
}
