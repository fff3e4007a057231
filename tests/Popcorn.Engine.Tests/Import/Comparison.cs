using Popcorn.Engine.Evaluation;
using Popcorn.Engine.Import;
using Popcorn.Engine.Model;

namespace Popcorn.Engine.Tests.Import;

/// <summary>Imported networks beside the floating-point networks that they were made of.</summary>
internal static class Comparison
{
    /// <summary>How far the floating-point graph may be from ONNX Runtime's, of single precision.</summary>
    private const double FloatTolerance = 1e-4;

    /// <summary>
    /// Imports a network and compares, on random images, its floating-point graph closely and its logits within a
    /// tolerance with ONNX Runtime.
    /// </summary>
    /// <param name="model">The network.</param>
    /// <param name="tolerance">Half the difference allowed, as a share of the greatest logit.</param>
    /// <param name="options">How to import it.</param>
    /// <param name="random">Draws the images.</param>
    /// <param name="staircase">Whether the graph is no closer than the logits: staircases, rounding dropped.</param>
    /// <param name="oracle">The network for ONNX Runtime, where it cannot run the same one.</param>
    public static IntegerNetwork AssertClose(
        byte[] model, double tolerance, ImportOptions options, Random random, byte[]? oracle = null,
        bool staircase = false)
    {
        IntegerNetwork network = OnnxImporter.Import(model, options);
        var evaluator = new PlainEvaluator(network);
        FloatNode graph = OnnxImporter.ReadFloat(model, options with { Report = null });
        var floats = new FloatEvaluator(graph, options);
        using var reference = new OnnxRuntimeReference(oracle ?? model, options.Output);
        for (int run = 0; run < 4; run++)
        {
            int[] image = [.. Enumerable.Range(0, network.Input.Shape.Size)
                .Select(_ => random.Next(options.InputMinimum, options.InputMaximum + 1))];
            double[] real = Array.ConvertAll(image, v => v * options.InputScale);
            double[] expected = reference.Run(reference.InOwnOrder(real, network.Input.Shape));
            double[] logits = [.. evaluator.Run(image).Select(l => (double)l * network.LogitScale)];
            AssertClose(expected, floats.Run(image), staircase ? tolerance : FloatTolerance);
            AssertClose(expected, logits, tolerance);
        }

        return network;
    }

    /// <summary>Logits may all be shifted by the same number; their differences count.</summary>
    private static void AssertClose(double[] expected, double[] actual, double tolerance)
    {
        Assert.Equal(expected.Length, actual.Length);
        double shift = expected[0] - actual[0];
        double allowed = 2 * tolerance * Math.Max(expected.Max(Math.Abs), 1e-3);
        for (int i = 0; i < expected.Length; i++)
        {
            Assert.InRange(actual[i] + shift, expected[i] - allowed, expected[i] + allowed);
        }
    }
}
