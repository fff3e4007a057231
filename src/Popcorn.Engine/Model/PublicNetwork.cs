namespace Popcorn.Engine.Model;

/// <summary>
/// The public part of a network: architecture and bounds. Both parties derive the plan of an inference from it.
/// </summary>
public sealed record PublicNetwork
{
    /// <summary>
    /// Elements and pool taps of all layers together, at most: what a plan takes memory for. ImageNet networks stay
    /// below a third of it.
    /// </summary>
    private const long MaxElements = 1 << 25;

    internal PublicNetwork(InputDescription input, IReadOnlyList<PublicLayer> layers)
    {
        Input = input;
        Layers = layers;
    }

    /// <summary>What it takes.</summary>
    public InputDescription Input { get; internal init; }

    /// <summary>The layers, in topological order; the last one's results are the logits.</summary>
    public IReadOnlyList<PublicLayer> Layers { get; internal init; }

    /// <summary>Real logit = integer logit × this; 0 where nobody told.</summary>
    public double LogitScale { get; internal init; }

    /// <summary>Which version of the model it is, in words of who imported it; empty where they gave none.</summary>
    public string Version { get; internal init; } = "";

    /// <summary>Names of the classes, one for each logit; none where nobody gave them.</summary>
    public IReadOnlyList<string> ClassNames { get; internal init; } = [];

    /// <summary>The public part of an integer network; bounds come from <see cref="Bounds"/>.</summary>
    internal static PublicNetwork From(IntegerNetwork network)
    {
        Bounds bounds = Bounds.Of(network);
        return new PublicNetwork(
            network.Input, [.. network.Layers.Select((layer, i) => layer.Describe(BitsOf(bounds.Hull(i + 1))))])
        {
            LogitScale = network.LogitScale,
            Version = network.Version,
            ClassNames = network.ClassNames,
        };
    }

    /// <summary>Shape of a value: 0 is the input, i + 1 the output of layer i.</summary>
    internal Shape ShapeOf(int value) => value == 0 ? Input.Shape : Layers[value - 1].Output;

    /// <summary>Bit length of a value's bound: |x| &lt; 2^bits.</summary>
    internal int BoundBitsOf(int value) => value == 0
        ? BitsOf(new Interval(Input.Minimum, Input.Maximum))
        : Layers[value - 1].BoundBits;

    /// <summary>Whether what made a value leaves no negative numbers.</summary>
    internal bool IsNeverNegative(int value) => value == 0 ? Input.Minimum >= 0 : Layers[value - 1].IsNeverNegative;

    /// <summary>For each value the last layer that reads it; −1 where none does.</summary>
    internal int[] LastReaders()
    {
        var last = new int[Layers.Count + 1];
        Array.Fill(last, -1);
        for (int i = 0; i < Layers.Count; i++)
        {
            foreach (int input in Layers[i].Inputs)
            {
                last[input] = i;
            }
        }

        return last;
    }

    /// <summary>Checks everything that a plan relies on; a client calls it on what a server sent.</summary>
    /// <exception cref="PopcornException">The description does not make a network.</exception>
    internal void Validate()
    {
        try
        {
            Input.Validate();
            NetworkValidator.Require(Layers.Count > 0, "it has no layers");
            NetworkValidator.Require(
                double.IsFinite(LogitScale) && LogitScale >= 0, "the scale of its logits is no number from 0 up");
            NetworkValidator.RequireVersion(Version);
            NetworkValidator.RequireClassNames(ClassNames, Layers[^1].Output.Size);
        }
        catch (PopcornException e)
        {
            throw Malformed(e.Message, e);
        }

        long elements = Input.Shape.Size, poolTaps = 0;
        for (int i = 0; i < Layers.Count; i++)
        {
            PublicLayer layer = Layers[i];
            try
            {
                layer.Validate(i, ShapeOf);
            }
            catch (PopcornException e)
            {
                throw Malformed($"layer {i + 1}: {e.Message}", e);
            }

            elements += layer.Output.Size + layer.Output.Channels * layer.PoolTaps;
            poolTaps += layer.PoolTaps;
            if (elements > MaxElements || poolTaps > NetworkValidator.MaxPoolTaps)
            {
                throw Malformed("it is too large");
            }
        }
    }

    private static int BitsOf(Interval interval) => Math.Max(1, interval.MagnitudeBits);

    private static PopcornException Malformed(string what, Exception? inner = null) =>
        new(PopcornError.Protocol, $"The model's description is malformed: {what}.", inner);
}
