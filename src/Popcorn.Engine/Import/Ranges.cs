namespace Popcorn.Engine.Import;

/// <summary>Real numbers from one to another, both included; infinite where nothing is known.</summary>
internal readonly record struct RealRange(double Low, double High)
{
    public static RealRange All { get; } = new(double.NegativeInfinity, double.PositiveInfinity);

    public bool IsFinite => double.IsFinite(Low) && double.IsFinite(High);

    public RealRange Hull(RealRange other) => new(Math.Min(Low, other.Low), Math.Max(High, other.High));

    public RealRange Clipped(double low, double high) => new(Math.Clamp(Low, low, high), Math.Clamp(High, low, high));

    /// <summary>scale·x + shift.</summary>
    public RealRange Scaled(double scale, double shift) => scale == 0
        ? new RealRange(shift, shift)
        : scale > 0 ? new RealRange(Low * scale + shift, High * scale + shift)
        : new RealRange(High * scale + shift, Low * scale + shift);
}

/// <summary>Between which numbers the values of nodes lie, as far as bounds of what they read say.</summary>
internal sealed class Ranges(ImportOptions options)
{
    private readonly Dictionary<FloatNode, RealRange> _ranges = [];

    public RealRange Of(FloatNode node)
    {
        var pending = new Stack<FloatNode>([node]);
        while (pending.TryPeek(out FloatNode? next))
        {
            FloatNode[] unknown = [.. next.Sources.Where(s => !_ranges.ContainsKey(s))];
            if (unknown.Length == 0)
            {
                _ranges[next] = Compute(next);
                pending.Pop();
            }

            foreach (FloatNode source in unknown)
            {
                pending.Push(source);
            }
        }

        return _ranges[node];
    }

    private RealRange Compute(FloatNode node)
    {
        RealRange[] sources = [.. node.Sources.Select(s => _ranges[s])];
        return node switch
        {
            FloatInput => OfInput(),
            FloatLinear linear => OfLinear(linear, sources[0]),
            FloatAffine affine => affine.Scale.Zip(affine.Shift, sources[0].Scaled).Aggregate((a, b) => a.Hull(b)),
            FloatAveragePool pool => pool.Window.AlwaysWithin(pool.Source.Shape.Height, pool.Source.Shape.Width)
                ? sources[0]
                : sources[0].Hull(default),
            FloatMaxPool { WithZero: true } or FloatRelu => sources[0].Clipped(0, double.PositiveInfinity),
            FloatMaxPool => sources[0],
            FloatClip clip => sources[0].Clipped(clip.Low, clip.High),
            FloatMonotone monotone => new RealRange(monotone.Function.Low, monotone.Function.High),
            FloatSteps steps => new RealRange(
                steps.Low + steps.Heights.Sum(h => Math.Min(h, 0)), steps.Low + steps.Heights.Sum(h => Math.Max(h, 0))),
            FloatAdd => new RealRange(sources[0].Low + sources[1].Low, sources[0].High + sources[1].High),
            FloatConcat => sources.Aggregate((a, b) => a.Hull(b)),
            FloatSquare => new RealRange(0, Math.Pow(Math.Max(-sources[0].Low, sources[0].High), 2)),
            _ => RealRange.All,
        };
    }

    private RealRange OfInput()
    {
        IReadOnlyList<double> means = options.InputMeans is { Count: > 0 } given ? given : [0];
        IReadOnlyList<double> deviations = options.InputDeviations is { Count: > 0 } others ? others : [1];
        var raw = new RealRange(options.InputMinimum * options.InputScale, options.InputMaximum * options.InputScale);
        return Enumerable.Range(0, Math.Max(means.Count, deviations.Count))
            .Select(c => (Mean: means[Math.Min(c, means.Count - 1)], By: deviations[Math.Min(c, deviations.Count - 1)]))
            .Select(p => raw.Scaled(1 / p.By, -p.Mean / p.By)).Aggregate((a, b) => a.Hull(b));
    }

    private static RealRange OfLinear(FloatLinear linear, RealRange source)
    {
        if (!source.IsFinite)
        {
            return RealRange.All;
        }

        RealRange padded = linear.Window.AlwaysWithin(linear.Source.Shape.Height, linear.Source.Shape.Width)
            ? source
            : linear.Padding.Aggregate(source.Hull(default), (all, p) => all.Hull(new RealRange(p, p)));
        RealRange hull = default;
        for (int output = 0; output < linear.Bias.Length; output++)
        {
            double low = linear.Bias[output], high = low;
            foreach (double weight in linear.Weights.AsSpan(
                output * linear.WeightsPerOutput, linear.WeightsPerOutput))
            {
                low += Math.Min(weight * padded.Low, weight * padded.High);
                high += Math.Max(weight * padded.Low, weight * padded.High);
            }

            var range = new RealRange(low, high);
            hull = output == 0 ? range : hull.Hull(range);
        }

        return hull;
    }
}
