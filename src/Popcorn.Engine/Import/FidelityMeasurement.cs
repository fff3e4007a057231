using System.Numerics;
using Popcorn.Engine.Evaluation;

namespace Popcorn.Engine.Import;

/// <summary>
/// Measures how far an integer network is from the floating-point network. The latter runs before anything is done to
/// it, for pruning changes its weights in place; then it is compared with what was made of it.
/// </summary>
internal sealed class FidelityMeasurement
{
    private const int LeastImages = 8;
    private const int MostImages = 32;

    /// <summary>Products that one pass over the images computes, about; more images than need be cost less.</summary>
    private const long MostProducts = 16_000_000_000;

    /// <summary>Elements of a node's value that are compared in each image, at most.</summary>
    private const int MostElements = 4096;

    private readonly ImportOptions _options;
    private readonly int[][] _images;
    private readonly bool _areGenerated;
    private readonly double[][] _logits;

    /// <param name="read">The network as the file has it.</param>
    /// <param name="samples">Sample data, if there is any.</param>
    /// <param name="options">How it is imported.</param>
    public FidelityMeasurement(FloatNode read, IReadOnlyList<int[]>? samples, ImportOptions options)
    {
        _options = options;
        FloatNode logits = WithoutLastActivation(read);
        List<FloatNode> order = FloatGraph.InOrder(logits);
        long products = order.OfType<FloatLinear>().Sum(l => (long)l.Weights.Length * l.Shape.Area);
        int count = (int)Math.Clamp(MostProducts / Math.Max(products, 1), LeastImages, MostImages);
        _areGenerated = samples is not { Count: > 0 };
        _images = samples is not { Count: > 0 }
            ? [.. GeneratedImages.Of(options.InputOf(FloatGraph.InputOf(order)), count)]
            : [.. Enumerable.Range(0, Math.Min(count, samples.Count))
                .Select(i => samples[(int)((long)i * samples.Count / Math.Min(count, samples.Count))])];
        var evaluator = new FloatEvaluator(logits, options);
        _logits = new double[_images.Length][];
        EachImage("running the floating-point network", i => _logits[i] = evaluator.Run(_images[i]));
    }

    /// <summary>Compares an integer network with the network that ran.</summary>
    /// <param name="graph">What it was made of: pruned.</param>
    /// <param name="quantized">The integer network.</param>
    public ImportFidelity Compare(FloatNode graph, QuantizedNetwork quantized)
    {
        FloatNode[] nodes = NodesOf(graph, quantized);
        ILookup<int, FloatNode> nodesByValue = nodes.ToLookup(node => quantized.Values[node].Index);
        var evaluator = new PlainEvaluator(quantized.Network);
        var pruned = new FloatEvaluator(graph, _options);
        var rounded = new FloatEvaluator(RoundedWeights.Of(graph, _options.WeightBits), _options);

        var similarities = new Dictionary<FloatNode, Similarity>[_images.Length];
        var logits = new BigInteger[_images.Length][];
        var prunedLogits = new double[_images.Length][];
        var roundedLogits = new double[_images.Length][];
        EachImage("comparing with the floating-point network", i =>
        {
            Dictionary<FloatNode, double[]> samples = [];
            prunedLogits[i] = pruned.Run(
                _images[i], (node, value) => samples[node] = SampleOf(value.Length, at => value[at]));
            roundedLogits[i] = rounded.Run(_images[i]);
            Dictionary<FloatNode, Similarity> similarity = similarities[i] = [];
            logits[i] = evaluator.Run(_images[i], (number, tensor) =>
            {
                foreach (FloatNode node in nodesByValue[number])
                {
                    QuantizedValue value = quantized.Values[node];
                    int area = value.Shape.Area;
                    double[] reals = SampleOf(
                        value.Shape.Size,
                        at => (double)tensor[0, at] * value.Scales[at / area] + value.Offsets[at / area]);
                    similarity[node] = Similarity.Of(samples[node], reals);
                }
            });
        });

        double scale = quantized.Network.LogitScale;
        double[] cosines = Cosines(Array.ConvertAll(logits, l => Array.ConvertAll(l, x => (double)x * scale)));
        (FloatNode worst, double worstCosine) = nodes.Select(node => (node, CosineOf(node))).MinBy(p => p.Item2);
        return new ImportFidelity(
            _images.Length, _areGenerated, cosines.Average(), cosines.Min(),
            logits.Where((l, i) => _logits[i][PlainEvaluator.Label(l)] == _logits[i].Max()).Count()
                / (double)_images.Length,
            Cosines(prunedLogits).Average(), Cosines(roundedLogits).Average(), worst.Name, worstCosine);

        double CosineOf(FloatNode node)
        {
            var all = default(Similarity);
            foreach (Dictionary<FloatNode, Similarity> similarity in similarities)
            {
                all.Add(similarity[node]);
            }

            return all.Cosine;
        }
    }

    /// <summary>
    /// The network without an increasing function of all logits at its end, and what is behind that: it would hide
    /// from the cosine what the ranking shows. Clips at the end stay: equal logits have lost their ranking.
    /// </summary>
    private static FloatNode WithoutLastActivation(FloatNode output)
    {
        FloatNode result = output;
        for (FloatNode node = output; node is FloatMonotone or FloatClip; node = node.Source)
        {
            result = node is FloatMonotone ? node.Source : result;
        }

        return result;
    }

    /// <summary>The nodes to compare: comparisons may have changed for themselves what only they read.</summary>
    private static FloatNode[] NodesOf(FloatNode graph, QuantizedNetwork quantized)
    {
        List<FloatNode> order = FloatGraph.InOrder(graph);
        var readers = new FloatReaders(order);
        return [.. order.Where(node => node is not FloatInput && quantized.Values.ContainsKey(node)
            && (node == graph || !readers.Of(node).All(reader => reader is FloatSteps)))];
    }

    /// <summary>Some elements of a value, evenly spread.</summary>
    private static double[] SampleOf(int size, Func<int, double> element)
    {
        var sample = new double[Math.Min(size, MostElements)];
        for (int i = 0; i < sample.Length; i++)
        {
            sample[i] = element((int)((long)i * size / sample.Length));
        }

        return sample;
    }

    /// <summary>By image, or of all images at once.</summary>
    private double[] Cosines(double[][] logits) => logits[0].Length > 2
        ? [.. logits.Select((l, i) => Similarity.Of(_logits[i], l).Cosine)]
        : [Similarity.Of([.. _logits.SelectMany(Centred)], [.. logits.SelectMany(Centred)]).Cosine];

    private static double[] Centred(double[] logits) => logits.Length == 1
        ? logits
        : Array.ConvertAll(logits, x => x - logits.Average());

    private void EachImage(string task, Action<int> run)
    {
        int done = 0;
        _options.Progress?.Invoke(0, _images.Length, task);
        Parallel.For(0, _images.Length, i =>
        {
            run(i);
            _options.Progress?.Invoke(Interlocked.Increment(ref done), _images.Length, task);
        });
    }
}
