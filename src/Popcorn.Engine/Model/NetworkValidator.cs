using System.Numerics;

namespace Popcorn.Engine.Model;

/// <summary>
/// The one place that says what a well-formed integer network is. The importer and the loader both pass through it, so
/// that everything behind them may rely on shapes, windows and references.
/// </summary>
public static class NetworkValidator
{
    /// <summary>Most layers that a network may have.</summary>
    public const int MaxLayers = 1 << 12;

    /// <summary>Longest layer name, in characters.</summary>
    public const int MaxNameLength = 256;

    /// <summary>Most weights that a layer may have.</summary>
    public const int MaxWeights = 1 << 28;

    /// <summary>Most bits that a rescaling may drop.</summary>
    public const int MaxShift = 1 << 10;

    /// <summary>Most values that a layer may join.</summary>
    public const int MaxJoined = 64;

    /// <summary>Most bits that a bias may have: far more than a plaintext of the largest key can hold.</summary>
    public const int MaxBiasBits = 1 << 13;

    /// <summary>Accepts a well-formed network and refuses any other.</summary>
    /// <exception cref="PopcornException">Names the layer and what is wrong with it.</exception>
    public static void Validate(IntegerNetwork network)
    {
        InputDescription input = network.Input;
        Require(input.Shape.IsValid, $"the input's shape {input.Shape} is not valid");
        Require(
            input.Minimum < input.Maximum, $"the input's range {input.Minimum}…{input.Maximum} is empty");
        Require(double.IsFinite(input.Scale) && input.Scale > 0, "the input's scale is not a positive number");
        Require(Enum.IsDefined(input.Order), "the order of the input's channels is not known");
        Require(
            double.IsFinite(network.LogitScale) && network.LogitScale > 0,
            "the scale of the logits is not a positive number");
        int count = network.Layers.Count;
        Require(count is > 0 and <= MaxLayers, $"it has {count} layers, not 1…{MaxLayers}");
        for (int i = 0; i < count; i++)
        {
            Layer layer = network.Layers[i];
            try
            {
                Require(layer.Name.Length <= MaxNameLength, $"its name is longer than {MaxNameLength} characters");
                Require(!layer.Name.Any(char.IsControl), "its name holds a control character");
                Require(layer.Further.Count < MaxJoined, $"it joins more than {MaxJoined} values");
                foreach (int value in layer.Inputs)
                {
                    Require(value >= 0 && value <= i, $"it reads value {value}, which does not come before it");
                }

                Require(layer.Output.IsValid, $"its output shape {layer.Output} is not valid");
                ValidateLayer(layer, [.. layer.Inputs.Select(network.ShapeOf)]);
            }
            catch (PopcornException e)
            {
                throw new PopcornException($"layer {i + 1} ({layer.Kind} '{Printable(layer.Name)}'): {e.Message}", e);
            }
        }
    }

    private static void ValidateLayer(Layer layer, Shape[] sources)
    {
        Shape source = sources[0];
        switch (layer)
        {
            case LinearLayer linear:
                ValidateLinear(linear, source);
                break;
            case MaxPoolLayer pool:
                ValidateWindow(pool.Window, pool.Output);
                Require(pool.Output.Channels == source.Channels, "it changes the number of channels");
                Require(
                    pool.Window.AlwaysSees(source.Height, source.Width), "one of its windows lies outside the plane");
                break;
            case AddLayer add:
                RequireSameShape(layer, sources);
                ValidateFactors(add.Factors, source.Channels);
                ValidateFactors(add.SecondFactors, source.Channels);
                break;
            case ConcatLayer:
                ValidateConcat(layer, sources);
                break;
            case ClipLayer clip:
                RequireSameShape(layer, sources);
                Require(clip.Caps.Length == source.Channels, $"it has {clip.Caps.Length} caps instead of {source.Channels}");
                Require(
                    Array.TrueForAll(clip.Caps, c => c.Sign >= 0 && c.GetBitLength() <= MaxBiasBits),
                    $"a cap is negative or has more than {MaxBiasBits} bits");
                break;
            case RescaleLayer rescale:
                RequireSameShape(layer, sources);
                Require(rescale.Shift is > 0 and <= MaxShift, $"it shifts by {rescale.Shift}, not 1…{MaxShift} bits");
                break;
            case ReluLayer or SquareLayer or SignLayer:
                RequireSameShape(layer, sources);
                break;
            default:
                throw new PopcornException("this kind of layer is not known");
        }
    }

    private static void RequireSameShape(Layer layer, Shape[] sources)
    {
        foreach (Shape source in sources)
        {
            Require(layer.Output == source, $"its output shape {layer.Output} is not its input's, {source}");
        }
    }

    private static void ValidateFactors(int[] factors, int channels)
    {
        Require(factors.Length == channels, $"it has {factors.Length} factors instead of {channels}");
        Require(factors.AsSpan().IndexOf(int.MinValue) < 0, "a factor is out of range");
    }

    private static void ValidateConcat(Layer layer, Shape[] sources)
    {
        long channels = sources.Sum(s => (long)s.Channels);
        Require(channels == layer.Output.Channels, $"it joins {channels} channels to {layer.Output.Channels}");
        Require(
            Array.TrueForAll(sources, s => s with { Channels = layer.Output.Channels } == layer.Output),
            "it joins values of different height or width");
    }

    private static void ValidateLinear(LinearLayer layer, Shape source)
    {
        ValidateWindow(layer.Window, layer.Output);
        Require(
            layer.Groups > 0 && source.Channels % layer.Groups == 0 && layer.Output.Channels % layer.Groups == 0,
            $"{layer.Groups} groups do not divide {source.Channels} input and {layer.Output.Channels} output channels");
        Int128 weights = WeightCount(layer.Output, source, layer.Window, layer.Groups);
        Require(weights <= MaxWeights, $"it has {weights} weights, more than {MaxWeights}");
        Require(layer.Weights.Length == weights, $"it has {layer.Weights.Length} weights instead of {weights}");
        Require(layer.Weights.AsSpan().IndexOf(int.MinValue) < 0, "a weight is out of range");
        Require(
            layer.Bias.Length == layer.Output.Channels,
            $"it has {layer.Bias.Length} biases instead of {layer.Output.Channels}");
        Require(
            layer.Padding.Length == 0 || layer.Padding.Length == layer.Output.Channels * layer.Window.Taps,
            $"its padding has {layer.Padding.Length} numbers instead of {layer.Output.Channels * layer.Window.Taps}");
        foreach (BigInteger bias in layer.Bias.Concat(layer.Padding))
        {
            Require(bias.GetBitLength() <= MaxBiasBits, $"a bias has more than {MaxBiasBits} bits");
        }
    }

    /// <summary>Number of weights, before it is known to be sane, of a layer with a valid window and groups.</summary>
    internal static Int128 WeightCount(Shape output, Shape source, Window window, int groups) =>
        (Int128)output.Channels * (source.Channels / groups) * window.Taps;

    private static void ValidateWindow(Window window, Shape output)
    {
        Require(window.IsValid, "its window is not valid");
        Require(
            output.Height == window.OutputHeight && output.Width == window.OutputWidth,
            $"its output shape {output} is not its window's, {window.OutputHeight}x{window.OutputWidth}");
    }

    private static string Printable(string name) =>
        string.Concat(name.Take(MaxNameLength).Where(c => !char.IsControl(c)));

    private static void Require(bool condition, string finding)
    {
        if (!condition)
        {
            throw new PopcornException(finding);
        }
    }
}
