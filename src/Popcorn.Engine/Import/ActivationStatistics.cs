using Popcorn.Engine.Model;

namespace Popcorn.Engine.Import;

/// <summary>What the nodes of a floating-point graph compute on some images, by node and channel.</summary>
internal sealed class ActivationStatistics
{
    /// <summary>Values of a channel that are kept, at most, unless there are more images.</summary>
    private const int MostValues = 256;

    /// <summary>Images that run side by side before their statistics are added up.</summary>
    private const int TileImages = 16;

    private readonly Dictionary<FloatNode, ChannelStatistics> _nodes;

    private ActivationStatistics(Dictionary<FloatNode, ChannelStatistics> nodes) => _nodes = nodes;

    /// <summary>The statistics of a node of the graph.</summary>
    public ChannelStatistics this[FloatNode node] => _nodes[node];

    /// <summary>Runs a graph on images, on all cores. The result does not depend on their number.</summary>
    /// <param name="output">The graph.</param>
    /// <param name="images">At least one.</param>
    /// <param name="options">How the images enter it.</param>
    public static ActivationStatistics Of(FloatNode output, IReadOnlyList<int[]> images, ImportOptions options)
    {
        var evaluator = new FloatEvaluator(output, options);
        Dictionary<FloatNode, Accumulator> nodes =
            FloatGraph.InOrder(output).ToDictionary(node => node, node => new Accumulator(node.Shape, images.Count));
        int done = 0;
        for (int first = 0; first < images.Count; first += TileImages)
        {
            int begin = first;
            var parts = new List<(FloatNode Node, Part Part)>[Math.Min(TileImages, images.Count - first)];
            Parallel.For(0, parts.Length, i =>
            {
                List<(FloatNode Node, Part Part)> part = parts[i] = [];
                evaluator.Run(
                    images[begin + i],
                    (node, value) => part.Add((node, nodes[node].Add(value, begin + i))));
                options.Progress?.Invoke(Interlocked.Increment(ref done), images.Count, "measuring activations");
            });
            // In order, for sums to be the same always.
            foreach ((FloatNode node, Part part) in parts.SelectMany(part => part))
            {
                nodes[node].Add(part);
            }
        }

        return new ActivationStatistics(nodes.ToDictionary(e => e.Key, e => e.Value.Statistics));
    }

    /// <summary>One image's sums, minima and maxima by channel.</summary>
    private sealed record Part(double[] Sums, double[] Squares, double[] Minima, double[] Maxima);

    /// <summary>Adds up what a node's value was.</summary>
    private sealed class Accumulator
    {
        private readonly Shape _shape;
        private readonly int _images;
        private readonly int _valuesOfImage;
        private readonly Part _total;
        private readonly float[][] _values;

        public Accumulator(Shape shape, int images)
        {
            _shape = shape;
            _images = images;
            _valuesOfImage = Math.Clamp(MostValues / images, 1, shape.Area);
            _total = NewPart(shape.Channels);
            _values = [.. Enumerable.Range(0, shape.Channels).Select(_ => new float[images * _valuesOfImage])];
        }

        public ChannelStatistics Statistics
        {
            get
            {
                double count = (double)_images * _shape.Area;
                return new ChannelStatistics(
                    Array.ConvertAll(_total.Squares, sum => Math.Sqrt(sum / count)),
                    Array.ConvertAll(_total.Sums, sum => sum / count), _total.Minima, _total.Maxima, _values);
            }
        }

        /// <summary>Takes samples of an image's value, and sums it up; images may run side by side.</summary>
        public Part Add(double[] value, int image)
        {
            Part part = NewPart(_shape.Channels);
            for (int channel = 0; channel < _shape.Channels; channel++)
            {
                ReadOnlySpan<double> plane = value.AsSpan(channel * _shape.Area, _shape.Area);
                double sum = 0, squares = 0, least = double.PositiveInfinity, most = double.NegativeInfinity;
                foreach (double x in plane)
                {
                    sum += x;
                    squares += x * x;
                    least = Math.Min(least, x);
                    most = Math.Max(most, x);
                }

                (part.Sums[channel], part.Squares[channel]) = (sum, squares);
                (part.Minima[channel], part.Maxima[channel]) = (least, most);
                for (int i = 0; i < _valuesOfImage; i++)
                {
                    // Spread over the plane, elsewhere in every image.
                    int position = (int)(((long)i * _shape.Area / _valuesOfImage + 7L * image) % _shape.Area);
                    _values[channel][image * _valuesOfImage + i] = (float)plane[position];
                }
            }

            return part;
        }

        public void Add(Part part)
        {
            for (int channel = 0; channel < _shape.Channels; channel++)
            {
                _total.Sums[channel] += part.Sums[channel];
                _total.Squares[channel] += part.Squares[channel];
                _total.Minima[channel] = Math.Min(_total.Minima[channel], part.Minima[channel]);
                _total.Maxima[channel] = Math.Max(_total.Maxima[channel], part.Maxima[channel]);
            }
        }

        private static Part NewPart(int channels)
        {
            var part = new Part(new double[channels], new double[channels], new double[channels], new double[channels]);
            Array.Fill(part.Minima, double.PositiveInfinity);
            Array.Fill(part.Maxima, double.NegativeInfinity);
            return part;
        }
    }
}
