namespace Popcorn.Engine.Model;

/// <summary>In which order an image's channels enter.</summary>
public enum ChannelOrder
{
    /// <summary>Red, green, blue; or whatever they are.</summary>
    Rgb = 0,

    /// <summary>Blue, green, red.</summary>
    Bgr = 1,
}

/// <summary>
/// How a client turns an input into the network's integers. Means and deviations are part of the first layer; a pixel
/// enters as it is.
/// </summary>
/// <param name="Shape">Channels, height, width.</param>
/// <param name="Minimum">Least integer that an element may have.</param>
/// <param name="Maximum">Greatest integer that an element may have.</param>
/// <param name="Scale">Real value = integer × scale; 1/255 for a pixel that enters as pixel/255.</param>
/// <param name="Order">The order of an image's channels.</param>
public sealed record InputDescription(
    Shape Shape, int Minimum, int Maximum, double Scale, ChannelOrder Order = ChannelOrder.Rgb)
{
    /// <summary>Checks that it describes an input.</summary>
    /// <exception cref="PopcornException">Says what is wrong.</exception>
    internal void Validate()
    {
        NetworkValidator.Require(Shape.IsValid, $"the input's shape {Shape} is not valid");
        NetworkValidator.Require(Minimum <= Maximum, $"the input's range {Minimum}…{Maximum} is empty");
        NetworkValidator.Require(double.IsFinite(Scale) && Scale > 0, "the input's scale is not a positive number");
        NetworkValidator.Require(Enum.IsDefined(Order), "the order of the input's channels is not known");
    }

    /// <summary>
    /// The integers of real numbers, such as a tensor of floats: each is divided by <see cref="Scale"/> and rounded;
    /// what lies outside the range enters as its nearest end.
    /// </summary>
    /// <param name="values">
    /// Real numbers, channel by channel, row by row: what the network was trained on, but before the means were
    /// subtracted and the deviations divided by that the import was told of.
    /// </param>
    /// <exception cref="PopcornException">They are not as many as the shape says, or one is not a number.</exception>
    public int[] Quantize(ReadOnlySpan<float> values)
    {
        RequireLength(values.Length);

        var integers = new int[values.Length];
        for (int i = 0; i < values.Length; i++)
        {
            double rounded = Math.Round(values[i] / Scale);
            integers[i] = double.IsNaN(rounded)
                ? throw new PopcornException($"Value {i} of the input is not a number.")
                : (int)Math.Clamp(rounded, Minimum, Maximum);
        }

        return integers;
    }

    /// <summary>Checks that some integers are such an input.</summary>
    /// <exception cref="PopcornException">It has the wrong length or a value outside the range.</exception>
    internal void Require(ReadOnlySpan<int> input)
    {
        RequireLength(input.Length);

        foreach (int value in input)
        {
            if (value < Minimum || value > Maximum)
            {
                throw new PopcornException(
                    $"The input holds {value}, outside the network's range {Minimum}…{Maximum}.");
            }
        }
    }

    private void RequireLength(int length)
    {
        if (length != Shape.Size)
        {
            throw new PopcornException(
                $"The input has {length} values and the network takes {Shape.Size} ({Shape}).");
        }
    }
}

/// <summary>
/// A network over the integers: what oblivious inference computes, exactly. Layers are in topological order; the last
/// layer's output holds the logits.
/// </summary>
public sealed record IntegerNetwork
{
    internal IntegerNetwork(InputDescription input, IReadOnlyList<Layer> layers, double logitScale)
    {
        Input = input;
        Layers = layers;
        LogitScale = logitScale;
    }

    /// <summary>The input's shape, range and scale.</summary>
    public InputDescription Input { get; internal init; }

    /// <summary>Real logit = integer logit × this.</summary>
    public double LogitScale { get; internal init; }

    /// <summary>Which version of the model it is, for people: clients are told; empty: none.</summary>
    public string Version { get; init; } = "";

    /// <summary>Names of the classes, one for each logit; none where nobody gave them.</summary>
    public IReadOnlyList<string> ClassNames { get; init; } = [];

    /// <summary>Number of logits.</summary>
    public int Outputs => Layers[^1].Output.Size;

    /// <summary>At least one layer; see <see cref="Layer"/> for how values are numbered.</summary>
    internal IReadOnlyList<Layer> Layers { get; init; }

    /// <summary>Shape of a value: 0 is the input, i + 1 the output of layer i.</summary>
    internal Shape ShapeOf(int value) => value == 0 ? Input.Shape : Layers[value - 1].Output;
}
