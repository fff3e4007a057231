using Popcorn.Engine.Model;

namespace Popcorn.Engine.Import;

/// <summary>
/// Evaluates a floating-point graph, in double precision: the reference that an integer network is measured against.
/// Safe for use by several threads, one image each.
/// </summary>
internal sealed class FloatEvaluator
{
    private readonly List<FloatNode> _order;

    /// <summary>By node of the order: whom nobody reads after it.</summary>
    private readonly ILookup<FloatNode, FloatNode> _lastReadBy;

    private readonly double[] _inputScales;
    private readonly double[] _inputOffsets;

    /// <param name="output">The graph; weights may change between runs.</param>
    /// <param name="options">How an image's integers enter it.</param>
    public FloatEvaluator(FloatNode output, ImportOptions options)
    {
        _order = FloatGraph.InOrder(output);
        (_inputScales, _inputOffsets) = options.InputScales(FloatGraph.InputOf(_order).Channels);
        var lastReader = new Dictionary<FloatNode, FloatNode>();
        foreach (FloatNode node in _order)
        {
            foreach (FloatNode source in node.Sources)
            {
                lastReader[source] = node;
            }
        }

        _lastReadBy = lastReader.ToLookup(e => e.Value, e => e.Key);
    }

    /// <summary>The value of the graph's output, channel by channel, row by row.</summary>
    /// <param name="image">The input's integers.</param>
    /// <param name="shows">Shown the value of each node, in turn.</param>
    public double[] Run(int[] image, Action<FloatNode, double[]>? shows = null)
    {
        var values = new Dictionary<FloatNode, double[]>();
        foreach (FloatNode node in _order)
        {
            double[] value = ValueOf(node, image, Array.ConvertAll([.. node.Sources], source => values[source]));
            shows?.Invoke(node, value);
            values[node] = value;
            foreach (FloatNode source in _lastReadBy[node])
            {
                values.Remove(source);
            }
        }

        return values[_order[^1]];
    }

    private double[] ValueOf(FloatNode node, int[] image, double[][] sources) => node switch
    {
        FloatInput => Input(image, node.Shape),
        FloatLinear linear => FloatConvolution.Run(linear, sources[0]),
        FloatAveragePool pool => AveragePool(pool, sources[0]),
        FloatMaxPool pool => MaxPool(pool, sources[0]),
        FloatAffine affine => Affine(affine, sources[0]),
        FloatRelu => Array.ConvertAll(sources[0], x => Math.Max(x, 0)),
        FloatClip clip => Array.ConvertAll(sources[0], x => Math.Min(Math.Max(x, clip.Low), clip.High)),
        FloatMonotone monotone => Array.ConvertAll(sources[0], x => monotone.Function.Function(x)),
        FloatCurve { Function: var function } => Array.ConvertAll(sources[0], x => function(x)),
        FloatSteps steps => Steps(steps, sources[0]),
        FloatAdd => Add(sources[0], sources[1]),
        FloatConcat concat => Concat(concat, sources),
        FloatSquare => Array.ConvertAll(sources[0], x => x * x),
        _ => throw new NotSupportedException($"A {node.GetType().Name} cannot be evaluated."),
    };

    private double[] Input(int[] image, Shape shape)
    {
        var result = new double[shape.Size];
        for (int i = 0; i < result.Length; i++)
        {
            int channel = i / shape.Area;
            result[i] = image[i] * _inputScales[channel] + _inputOffsets[channel];
        }

        return result;
    }

    private static double[] AveragePool(FloatAveragePool pool, double[] source)
    {
        Window window = pool.Window;
        Shape plane = pool.Source.Shape, shape = pool.Shape;
        var result = new double[shape.Size];
        for (int tap = 0; tap < window.Taps; tap++)
        {
            for (int position = 0; position < shape.Area; position++)
            {
                int seen = window.Position(position, tap, plane);
                for (int channel = 0; seen >= 0 && channel < shape.Channels; channel++)
                {
                    result[channel * shape.Area + position] += source[channel * plane.Area + seen];
                }
            }
        }

        for (int i = 0; i < result.Length; i++)
        {
            result[i] /= window.Taps;
        }

        return result;
    }

    /// <summary>Along rows, then along columns: a window as large as its plane costs no more than two lines.</summary>
    private static double[] MaxPool(FloatMaxPool pool, double[] source)
    {
        Window w = pool.Window;
        Shape plane = pool.Source.Shape, shape = pool.Shape;
        double[] rows = Maxima(
            source, plane.Width, inner: 1, shape.Width, w.KernelWidth, w.StrideX, w.DilationX, w.PadLeft);
        double[] result = Maxima(
            rows, plane.Height, inner: shape.Width, shape.Height, w.KernelHeight, w.StrideY, w.DilationY, w.PadTop);
        return pool.WithZero ? Array.ConvertAll(result, x => Math.Max(x, 0)) : result;
    }

    /// <summary>The maxima of windows along the middle one of three sides.</summary>
    private static double[] Maxima(
        double[] source, int length, int inner, int outputs, int kernel, int stride, int dilation, int pad)
    {
        var result = new double[source.Length / length * outputs];
        for (int i = 0; i < result.Length; i++)
        {
            (int line, int at) = Math.DivRem(i, inner);
            (int outer, int output) = Math.DivRem(line, outputs);
            double largest = double.NegativeInfinity;
            for (int tap = 0; tap < kernel; tap++)
            {
                int seen = output * stride - pad + tap * dilation;
                if ((uint)seen < (uint)length)
                {
                    largest = Math.Max(largest, source[(outer * length + seen) * inner + at]);
                }
            }

            result[i] = largest;
        }

        return result;
    }

    private static double[] Affine(FloatAffine affine, double[] source)
    {
        int each = affine.IsPerChannel ? affine.Shape.Area : 1;
        var result = new double[source.Length];
        for (int i = 0; i < result.Length; i++)
        {
            result[i] = source[i] * affine.Scale[i / each] + affine.Shift[i / each];
        }

        return result;
    }

    private static double[] Steps(FloatSteps steps, double[] source)
    {
        int count = steps.Heights.Length;
        var result = new double[source.Length];
        for (int i = 0; i < result.Length; i++)
        {
            int first = i / steps.Shape.Area * count;
            result[i] = steps.Low;
            for (int k = 0; k < count; k++)
            {
                result[i] += steps.Cuts[first + k].IsPassedBy(source[i]) ? steps.Heights[k] : 0;
            }
        }

        return result;
    }

    private static double[] Concat(FloatConcat concat, double[][] sources)
    {
        var result = new double[concat.Shape.Size];
        int first = 0;
        foreach (double[] source in sources)
        {
            source.CopyTo(result, first);
            first += source.Length;
        }

        return result;
    }

    private static double[] Add(double[] first, double[] second)
    {
        var result = new double[first.Length];
        for (int i = 0; i < result.Length; i++)
        {
            result[i] = first[i] + second[i];
        }

        return result;
    }
}
