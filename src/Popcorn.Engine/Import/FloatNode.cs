using Popcorn.Engine.Model;

namespace Popcorn.Engine.Import;

/// <summary>
/// A node of the floating-point network between file and integers: a graph whose nodes know what they read. Nodes are
/// compared by reference.
/// </summary>
/// <param name="name">The ONNX node's name.</param>
/// <param name="shape">Shape of its value.</param>
/// <param name="sources">What it reads.</param>
internal abstract class FloatNode(string name, Shape shape, params IReadOnlyList<FloatNode> sources)
{
    public string Name { get; } = name;

    public Shape Shape { get; } = shape;

    public IReadOnlyList<FloatNode> Sources { get; } = sources;

    /// <summary>What it reads first.</summary>
    public FloatNode Source => Sources[0];

    /// <summary>Whether each of its elements depends on those in the same place only.</summary>
    public bool IsElementwise => this is FloatAffine or FloatAdd or FloatSquare
        or FloatRelu or FloatClip or FloatMonotone or FloatCurve or FloatSteps;

    /// <summary>The same node, reading other nodes of the same shapes.</summary>
    public abstract FloatNode Reading(IReadOnlyList<FloatNode> sources);
}

/// <summary>The network's input.</summary>
internal sealed class FloatInput(string name, Shape shape) : FloatNode(name, shape)
{
    public override FloatNode Reading(IReadOnlyList<FloatNode> sources) => this;
}

/// <summary>Grouped convolution or, with a window that covers the plane, a fully connected layer.</summary>
internal sealed class FloatLinear(
    string name, FloatNode source, Window window, int groups, double[] weights, double[] bias)
    : FloatNode(name, new Shape(bias.Length, window.OutputHeight, window.OutputWidth), source)
{
    public Window Window { get; } = window;

    public int Groups { get; } = groups;

    /// <summary>[output channel][input channel within the group][tap], flat.</summary>
    public double[] Weights { get; } = weights;

    /// <summary>One for each output channel.</summary>
    public double[] Bias { get; } = bias;

    /// <summary>What padding holds, one number for each input channel; empty: zeros.</summary>
    public double[] Padding { get; init; } = [];

    /// <summary>Whether it moves values instead of weighing them: there is nothing to prune then.</summary>
    public bool IsMove { get; init; }

    /// <summary>Weights of one output channel.</summary>
    public int WeightsPerOutput => Weights.Length / Bias.Length;

    /// <summary>Input channel that a weight sees.</summary>
    public int InputChannelOf(int output, int weight) =>
        output / (Bias.Length / Groups) * (Source.Shape.Channels / Groups) + weight / Window.Taps;

    public override FloatNode Reading(IReadOnlyList<FloatNode> sources) =>
        new FloatLinear(Name, sources[0], Window, Groups, Weights, Bias) { Padding = Padding, IsMove = IsMove };

    /// <summary>The same layer with other weights and biases.</summary>
    public FloatLinear With(double[] weights, double[] bias) =>
        new(Name, Source, Window, Groups, weights, bias) { Padding = Padding, IsMove = IsMove };

    /// <summary>What padding holds in an input channel.</summary>
    public double PaddingOf(int channel) => Padding.Length == 0 ? 0 : Padding[channel];

    /// <summary>A weight and a bias for each channel, at each position.</summary>
    public static FloatLinear Pointwise(string name, FloatNode source, double[] weights, double[] bias) => new(
        name, source, Window.Pointwise(source.Shape.Height, source.Shape.Width), source.Shape.Channels, weights, bias);

    /// <summary>A plane with a border of one value around it: one tap of weight 1 that runs over the edges.</summary>
    public static FloatLinear Border(string name, FloatNode source, Window window, double value)
    {
        int channels = source.Shape.Channels;
        double[] ones = [.. Enumerable.Repeat(1.0, channels)];
        double[] padding = value == 0 ? [] : [.. Enumerable.Repeat(value, channels)];
        return new FloatLinear(name, source, window, channels, ones, new double[channels])
        {
            Padding = padding,
            IsMove = true,
        };
    }

    /// <summary>Whether this is such a border and nothing else.</summary>
    public bool IsBorder =>
        Groups == Bias.Length && Window is { Taps: 1, StrideY: 1, StrideX: 1 }
        && Array.TrueForAll(Weights, w => w == 1) && Array.TrueForAll(Bias, b => b == 0);
}

/// <summary>Mean over a window, channel by channel; every window is whole, padding counting as zeros.</summary>
internal sealed class FloatAveragePool(string name, FloatNode source, Window window)
    : FloatNode(name, new Shape(source.Shape.Channels, window.OutputHeight, window.OutputWidth), source)
{
    public Window Window { get; } = window;

    public override FloatNode Reading(IReadOnlyList<FloatNode> sources) =>
        new FloatAveragePool(Name, sources[0], Window);
}

/// <summary>x·scale + shift with one pair for each channel, or for each element.</summary>
internal sealed class FloatAffine(string name, FloatNode source, double[] scale, double[] shift)
    : FloatNode(name, source.Shape, source)
{
    public double[] Scale { get; } = scale;

    public double[] Shift { get; } = shift;

    private const double Noise = 1e-15;

    public bool IsPerChannel => Scale.Length == Shape.Channels;

    /// <summary>Whether it changes nothing but what arithmetic on doubles leaves.</summary>
    public bool IsIdentity => Array.TrueForAll(Scale, s => Math.Abs(s - 1) <= Noise)
        && Array.TrueForAll(Shift, s => Math.Abs(s) <= Noise);

    /// <summary>Whether it has one scale and one shift for all elements.</summary>
    public bool IsUniform =>
        Array.TrueForAll(Scale, s => s == Scale[0]) && Array.TrueForAll(Shift, s => s == Shift[0]);

    /// <summary>The same scale and shift for all elements.</summary>
    public static FloatAffine Uniform(string name, FloatNode source, double scale, double shift)
    {
        int channels = source.Shape.Channels;
        return new FloatAffine(
            name, source, [.. Enumerable.Repeat(scale, channels)], [.. Enumerable.Repeat(shift, channels)]);
    }

    public override FloatNode Reading(IReadOnlyList<FloatNode> sources) =>
        new FloatAffine(Name, sources[0], Scale, Shift);
}

/// <summary>max(x, 0).</summary>
internal sealed class FloatRelu(string name, FloatNode source) : FloatNode(name, source.Shape, source)
{
    public override FloatNode Reading(IReadOnlyList<FloatNode> sources) => new FloatRelu(Name, sources[0]);
}

/// <summary>min(max(x, low), high); high may be infinite.</summary>
internal sealed class FloatClip(string name, FloatNode source, double low, double high)
    : FloatNode(name, source.Shape, source)
{
    public double Low { get; } = low;

    public double High { get; } = high;

    /// <summary>min(x, high) = −max(−x, −high).</summary>
    public static FloatAffine AtMost(string name, FloatNode source, double high) => FloatAffine.Uniform(
        name,
        new FloatClip(name, FloatAffine.Uniform(name, source, -1, 0), -high, double.PositiveInfinity), -1, 0);

    public override FloatNode Reading(IReadOnlyList<FloatNode> sources) => new FloatClip(Name, sources[0], Low, High);
}

/// <summary>A strictly increasing function.</summary>
internal sealed class FloatMonotone(string name, FloatNode source, MonotoneFunction function)
    : FloatNode(name, source.Shape, source)
{
    public MonotoneFunction Function { get; } = function;

    public override FloatNode Reading(IReadOnlyList<FloatNode> sources) =>
        new FloatMonotone(Name, sources[0], Function);
}

/// <summary>
/// Any other function of each element: only a staircase on straight lines stands for it in the end
/// (<see cref="Staircases"/>).
/// </summary>
/// <param name="name">The node's name.</param>
/// <param name="op">Its ONNX operator.</param>
/// <param name="source">What it reads.</param>
/// <param name="function">The function.</param>
/// <param name="effort">How many functions of nodes it calls.</param>
internal sealed class FloatCurve(
    string name, string op, FloatNode source, Func<double, double> function, int effort = 1)
    : FloatNode(name, source.Shape, source)
{
    private readonly Lazy<StraightLines?> _lines = new(() => StraightLines.Of(function));

    public string Operator { get; } = op;

    public Func<double, double> Function { get; } = function;

    public int Effort { get; } = effort;

    /// <summary>The straight lines that it approaches, if it does.</summary>
    public StraightLines? Lines => _lines.Value;

    public override FloatNode Reading(IReadOnlyList<FloatNode> sources) =>
        new FloatCurve(Name, Operator, sources[0], Function, Effort);
}

/// <summary>
/// A step function: low + Σ heights[k]·(1 where x passes cut k, else 0). A sign is one cut, a staircase several.
/// </summary>
/// <param name="name">The node's name.</param>
/// <param name="source">What it reads.</param>
/// <param name="cuts">[channel][step], flat.</param>
/// <param name="low">Value where no cut is passed.</param>
/// <param name="heights">One for each step; not 0.</param>
internal sealed class FloatSteps(string name, FloatNode source, Cut[] cuts, double low, double[] heights)
    : FloatNode(name, source.Shape, source)
{
    public Cut[] Cuts { get; } = cuts;

    public double Low { get; } = low;

    public double[] Heights { get; } = heights;

    /// <summary>Whether all channels have the same cuts.</summary>
    public bool IsUniform => Cuts.Index().All(c => c.Item == Cuts[c.Index % Heights.Length]);

    /// <summary>The same cuts in all channels.</summary>
    public static FloatSteps Uniform(string name, FloatNode source, Cut[] cuts, double low, double[] heights) => new(
        name, source, [.. Enumerable.Repeat(cuts, source.Shape.Channels).SelectMany(c => c)], low, heights);

    public override FloatNode Reading(IReadOnlyList<FloatNode> sources) =>
        new FloatSteps(Name, sources[0], Cuts, Low, Heights);
}

/// <summary>Sum of two values.</summary>
internal sealed class FloatAdd(string name, FloatNode first, FloatNode second)
    : FloatNode(name, first.Shape, first, second)
{
    public override FloatNode Reading(IReadOnlyList<FloatNode> sources) => new FloatAdd(Name, sources[0], sources[1]);
}

/// <summary>The channels of several values, one after the other.</summary>
internal sealed class FloatConcat(string name, params IReadOnlyList<FloatNode> sources)
    : FloatNode(name, sources[0].Shape with { Channels = sources.Sum(s => s.Shape.Channels) }, sources)
{
    public override FloatNode Reading(IReadOnlyList<FloatNode> sources) => new FloatConcat(Name, sources);
}

/// <summary>x².</summary>
internal sealed class FloatSquare(string name, FloatNode source) : FloatNode(name, source.Shape, source)
{
    public override FloatNode Reading(IReadOnlyList<FloatNode> sources) => new FloatSquare(Name, sources[0]);
}

/// <summary>Maximum over a window, with zero as one more player or without.</summary>
internal sealed class FloatMaxPool(string name, FloatNode source, Window window, bool withZero)
    : FloatNode(name, new Shape(source.Shape.Channels, window.OutputHeight, window.OutputWidth), source)
{
    public Window Window { get; } = window;

    public bool WithZero { get; } = withZero;

    public override FloatNode Reading(IReadOnlyList<FloatNode> sources) =>
        new FloatMaxPool(Name, sources[0], Window, WithZero);
}
