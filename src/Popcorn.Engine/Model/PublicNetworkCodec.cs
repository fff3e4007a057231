namespace Popcorn.Engine.Model;

/// <summary>
/// The public part of a model as a message. Decoding checks only that the numbers fit their types;
/// <see cref="PublicNetwork.Validate"/> says whether they make a network.
/// </summary>
internal static class PublicNetworkCodec
{
    /// <summary>Messages of a network, at most: of each layer itself, a shape and a window, and the input's shape.
    /// </summary>
    public const int MaxMessages = 3 * NetworkValidator.MaxLayers + 2;

    public static Messages.PublicNetwork Encode(PublicNetwork network)
    {
        var message = new Messages.PublicNetwork
        {
            Input = Encode(network.Input.Shape),
            InputMinimum = network.Input.Minimum,
            InputMaximum = network.Input.Maximum,
            InputScale = network.Input.Scale,
            InputOrder = (uint)network.Input.Order,
            LogitScale = network.LogitScale,
            ClassNames = { network.ClassNames },
            Version = network.Version,
        };
        foreach (PublicLayer layer in network.Layers)
        {
            message.Layers.Add(new Messages.PublicLayer
            {
                Kind = (Messages.PublicLayer.Types.Kind)layer.Kind,
                Inputs = { layer.Inputs.Select(value => (uint)value) },
                Output = Encode(layer.Output),
                Window = layer.Window is Window window ? Encode(window) : null,
                Groups = (uint)layer.Groups,
                BoundBits = (uint)layer.BoundBits,
                Shift = (uint)layer.Shift,
                SaturationBits = (uint)layer.SaturationBits,
            });
        }

        return message;
    }

    public static PublicNetwork Decode(Messages.PublicNetwork? message)
    {
        if (message is null)
        {
            throw new PopcornException(PopcornError.Protocol, "The server did not describe its model; refused.");
        }

        if (message.Layers.Count > NetworkValidator.MaxLayers)
        {
            throw new PopcornException(
                PopcornError.Protocol, $"The model has more than {NetworkValidator.MaxLayers} layers; refused.");
        }

        try
        {
            var input = new InputDescription(
                Decode(message.Input), message.InputMinimum, message.InputMaximum, message.InputScale,
                (ChannelOrder)checked((int)message.InputOrder));
            var layers = new PublicLayer[message.Layers.Count];
            for (int i = 0; i < layers.Length; i++)
            {
                Messages.PublicLayer layer = message.Layers[i];
                int[] inputs = [.. layer.Inputs.Select(value => checked((int)value))];
                layers[i] = new PublicLayer(
                    (LayerKind)layer.Kind,
                    inputs.Length > 0
                        ? inputs[0]
                        : throw new PopcornException(
                            PopcornError.Protocol, "The server described a layer that reads nothing; refused."),
                    Decode(layer.Output),
                    layer.Window is null ? null : Decode(layer.Window),
                    checked((int)layer.Groups),
                    checked((int)layer.BoundBits))
                {
                    OtherInputs = inputs[1..],
                    Shift = checked((int)layer.Shift),
                    SaturationBits = checked((int)layer.SaturationBits),
                };
            }

            var network = new PublicNetwork(input, layers)
            {
                LogitScale = message.LogitScale,
                ClassNames = [.. message.ClassNames],
                Version = message.Version,
            };
            network.Validate();
            return network;
        }
        catch (OverflowException e)
        {
            throw new PopcornException(
                PopcornError.Protocol, "The server described a model with numbers out of range; refused.", e);
        }
    }

    private static Messages.Shape Encode(Shape shape) =>
        new() { Channels = (uint)shape.Channels, Height = (uint)shape.Height, Width = (uint)shape.Width };

    private static Shape Decode(Messages.Shape? shape) => shape is null
        ? default
        : new Shape(
            checked((int)shape.Channels), checked((int)shape.Height), checked((int)shape.Width));

    private static Messages.Window Encode(Window window) => new()
    {
        KernelHeight = (uint)window.KernelHeight,
        KernelWidth = (uint)window.KernelWidth,
        StrideY = (uint)window.StrideY,
        StrideX = (uint)window.StrideX,
        DilationY = (uint)window.DilationY,
        DilationX = (uint)window.DilationX,
        PadTop = (uint)window.PadTop,
        PadLeft = (uint)window.PadLeft,
        OutputHeight = (uint)window.OutputHeight,
        OutputWidth = (uint)window.OutputWidth,
    };

    private static Window Decode(Messages.Window window) => new(
        checked((int)window.KernelHeight),
        checked((int)window.KernelWidth),
        checked((int)window.StrideY),
        checked((int)window.StrideX),
        checked((int)window.DilationY),
        checked((int)window.DilationX),
        checked((int)window.PadTop),
        checked((int)window.PadLeft),
        checked((int)window.OutputHeight),
        checked((int)window.OutputWidth));
}
