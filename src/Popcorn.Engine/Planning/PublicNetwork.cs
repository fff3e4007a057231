using Popcorn.Engine.Model;

namespace Popcorn.Engine.Planning;

/// <summary>Kinds of layers as the client knows them; the numbers are those of the wire.</summary>
public enum LayerKind
{
    /// <summary>Convolution or fully connected.</summary>
    Linear = 1,

    /// <summary>max(x, 0).</summary>
    Relu = 2,

    /// <summary>Maximum over windows.</summary>
    MaxPool = 3,

    /// <summary>Maximum over windows and zero.</summary>
    MaxPoolRelu = 4,

    /// <summary>x².</summary>
    Square = 5,

    /// <summary>1 where x ≥ 0, else 0.</summary>
    Sign = 6,

    /// <summary>Sum of two values.</summary>
    Add = 7,

    /// <summary>The channels of several values.</summary>
    Concat = 8,

    /// <summary>min(max(x, 0), cap).</summary>
    Clip = 9,

    /// <summary>x / 2^shift, rounded.</summary>
    Rescale = 10,
}

/// <summary>What a client may know of a layer: its geometry and the bit length of its bound, no weights.</summary>
/// <param name="Kind">The layer's kind.</param>
/// <param name="Input">The value it reads, or reads first; see <see cref="Layer"/>.</param>
/// <param name="Output">Shape of its result.</param>
/// <param name="Window">Window of linear and max-pool layers.</param>
/// <param name="Groups">Groups of linear layers, else 0.</param>
/// <param name="BoundBits">Least b such that every result x has |x| &lt; 2^b.</param>
public sealed record PublicLayer(LayerKind Kind, int Input, Shape Output, Window? Window, int Groups, int BoundBits)
{
    /// <summary>The values that it reads beside <see cref="Input"/>.</summary>
    public IReadOnlyList<int> Further { get; init; } = [];

    /// <summary>Bits that a rescaling drops, else 0.</summary>
    public int Shift { get; init; }

    /// <summary>All values that it reads.</summary>
    public IEnumerable<int> Inputs => Further.Prepend(Input);

    /// <summary>The kind as shown to users.</summary>
    public string Name => Kind switch
    {
        LayerKind.Linear when Window is Window window => LinearLayer.KindOf(window, Groups),
        LayerKind.Relu => "relu",
        LayerKind.MaxPool => "maxpool",
        LayerKind.MaxPoolRelu => "maxpool+relu",
        LayerKind.Square => "square",
        LayerKind.Sign => "sign",
        LayerKind.Add => "add",
        LayerKind.Concat => "concat",
        LayerKind.Clip => "clip",
        LayerKind.Rescale => "rescale",
        _ => "?",
    };
}

/// <summary>
/// The public part of a network: architecture and bounds. Both parties derive the <see cref="Plan"/> from it.
/// </summary>
public sealed record PublicNetwork(InputDescription Input, IReadOnlyList<PublicLayer> Layers)
{
    /// <summary>
    /// Elements and pool taps of all layers together, at most: what a plan takes memory for. ImageNet networks stay
    /// below a sixth of it.
    /// </summary>
    private const long MaxElements = 1 << 26;

    /// <summary>The public part of an integer network; bounds come from <see cref="Bounds"/>.</summary>
    public static PublicNetwork From(IntegerNetwork network)
    {
        Bounds bounds = Bounds.Of(network);
        var layers = new PublicLayer[network.Layers.Count];
        for (int i = 0; i < layers.Length; i++)
        {
            Layer layer = network.Layers[i];
            (LayerKind kind, Window? window, int groups) = layer switch
            {
                LinearLayer linear => (LayerKind.Linear, linear.Window, linear.Groups),
                ReluLayer => (LayerKind.Relu, null, 0),
                MaxPoolLayer { WithZero: false } pool => (LayerKind.MaxPool, pool.Window, 0),
                MaxPoolLayer pool => (LayerKind.MaxPoolRelu, pool.Window, 0),
                SquareLayer => (LayerKind.Square, (Window?)null, 0),
                SignLayer => (LayerKind.Sign, null, 0),
                AddLayer => (LayerKind.Add, null, 0),
                ConcatLayer => (LayerKind.Concat, null, 0),
                ClipLayer => (LayerKind.Clip, null, 0),
                RescaleLayer => (LayerKind.Rescale, null, 0),
                _ => throw new PopcornException($"Layer '{layer.Name}' ({layer.Kind}) has no oblivious protocol."),
            };
            layers[i] = new PublicLayer(kind, layer.Input, layer.Output, window, groups, BitsOf(bounds.Hull(i + 1)))
            {
                Further = layer.Further,
                Shift = layer is RescaleLayer rescale ? rescale.Shift : 0,
            };
        }

        return new PublicNetwork(network.Input, layers);
    }

    /// <summary>Shape of a value: 0 is the input, i + 1 the output of layer i.</summary>
    public Shape ShapeOf(int value) => value == 0 ? Input.Shape : Layers[value - 1].Output;

    /// <summary>Bit length of a value's bound: |x| &lt; 2^bits.</summary>
    public int BoundBitsOf(int value) => value == 0
        ? BitsOf(new Interval(Input.Minimum, Input.Maximum))
        : Layers[value - 1].BoundBits;

    /// <summary>Checks everything that a plan relies on; a client calls it on what a server sent.</summary>
    /// <exception cref="PopcornException">The description does not make a network.</exception>
    public void Validate()
    {
        Require(Input.Shape.IsValid, "its input shape is out of range");
        Require(Input.Minimum <= Input.Maximum && double.IsFinite(Input.Scale), "its input range is empty");
        Require(Enum.IsDefined(Input.Order), "its channels are in an unknown order");
        Require(Layers.Count > 0, "it has no layers");
        long elements = Input.Shape.Size;
        for (int i = 0; i < Layers.Count; i++)
        {
            PublicLayer layer = Layers[i];
            string where = $"layer {i + 1}";
            Require(Enum.IsDefined(layer.Kind), $"{where} is of an unknown kind");
            Require(layer.Further.Count < NetworkValidator.MaxJoined, $"{where} joins too many values");
            Require(
                layer.Inputs.All(value => value >= 0 && value <= i),
                $"{where} reads a value that does not come before it");
            Require(layer.Output.IsValid, $"{where} has a shape out of range");
            Require(layer.BoundBits is > 0 and <= Plan.MaxBoundBits, $"{where} has a bound out of range");
            elements += layer.Output.Size;
            Shape input = ShapeOf(layer.Input);
            Require(
                layer.Further.Count == 0 || layer.Kind is LayerKind.Add or LayerKind.Concat,
                $"{where} reads more values than its kind does");
            Require(
                layer.Kind == LayerKind.Rescale ? layer.Shift is > 0 and <= NetworkValidator.MaxShift : layer.Shift == 0,
                $"{where} shifts by {layer.Shift} bits");
            switch (layer.Kind)
            {
                case LayerKind.Linear:
                    Require(layer.Groups > 0 && input.Channels % layer.Groups == 0
                        && layer.Output.Channels % layer.Groups == 0, $"{where} has groups that do not divide");
                    RequireWindow(layer, where);
                    break;
                case LayerKind.MaxPool or LayerKind.MaxPoolRelu:
                    Require(layer.Output.Channels == input.Channels, $"{where} changes the number of channels");
                    RequireWindow(layer, where);
                    elements += (long)layer.Window!.Value.Taps * layer.Output.Size;
                    break;
                case LayerKind.Concat:
                    Require(
                        layer.Inputs.Sum(value => (long)ShapeOf(value).Channels) == layer.Output.Channels
                        && layer.Inputs.All(value =>
                            ShapeOf(value) with { Channels = layer.Output.Channels } == layer.Output),
                        $"{where} joins what does not fit");
                    break;
                case LayerKind.Add:
                    Require(
                        layer.Further is [int second] && ShapeOf(second) == input && layer.Output == input,
                        $"{where} adds what does not fit");
                    break;
                default:
                    Require(layer.Output == input, $"{where} changes the shape");
                    break;
            }

            Require(elements <= MaxElements, "it is too large");
        }
    }

    private static int BitsOf(Interval interval) => Math.Max(1, interval.MagnitudeBits);

    private static void RequireWindow(PublicLayer layer, string where) =>
        Require(
            layer.Window is { IsValid: true } window && window.OutputHeight == layer.Output.Height
            && window.OutputWidth == layer.Output.Width,
            $"{where} has a window that does not fit its shape");

    private static void Require(bool condition, string what)
    {
        if (!condition)
        {
            throw new PopcornException($"The model's description is malformed: {what}.");
        }
    }
}
