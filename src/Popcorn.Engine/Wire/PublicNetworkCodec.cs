using Popcorn.Engine.Model;
using Popcorn.Engine.Planning;

namespace Popcorn.Engine.Wire;

/// <summary>
/// The public part of a model as a message. Decoding checks only that the numbers fit their types;
/// <see cref="PublicNetwork.Validate"/> says whether they make a network.
/// </summary>
internal static class PublicNetworkCodec
{
    public static Wire.PublicNetwork Encode(Planning.PublicNetwork network)
    {
        var message = new Wire.PublicNetwork
        {
            Input = Encode(network.Input.Shape),
            InputMinimum = network.Input.Minimum,
            InputMaximum = network.Input.Maximum,
            InputScale = network.Input.Scale,
        };
        foreach (Planning.PublicLayer layer in network.Layers)
        {
            message.Layers.Add(new Wire.PublicLayer
            {
                Kind = (Wire.PublicLayer.Types.Kind)layer.Kind,
                Input = (uint)layer.Input,
                Output = Encode(layer.Output),
                Window = layer.Window is Model.Window window ? Encode(window) : null,
                Groups = (uint)layer.Groups,
                BoundBits = (uint)layer.BoundBits,
            });
        }

        return message;
    }

    public static Planning.PublicNetwork Decode(Wire.PublicNetwork message)
    {
        if (message.Layers.Count > WireLimits.MaxLayers)
        {
            throw new PopcornException($"The model has more than {WireLimits.MaxLayers} layers; refused.");
        }

        try
        {
            var input = new InputDescription(
                Decode(message.Input), message.InputMinimum, message.InputMaximum, message.InputScale);
            var layers = new Planning.PublicLayer[message.Layers.Count];
            for (int i = 0; i < layers.Length; i++)
            {
                Wire.PublicLayer layer = message.Layers[i];
                layers[i] = new Planning.PublicLayer(
                    (LayerKind)layer.Kind,
                    checked((int)layer.Input),
                    Decode(layer.Output),
                    layer.Window is null ? null : Decode(layer.Window),
                    checked((int)layer.Groups),
                    checked((int)layer.BoundBits));
            }

            var network = new Planning.PublicNetwork(input, layers);
            network.Validate();
            return network;
        }
        catch (OverflowException e)
        {
            throw new PopcornException("The server described a model with numbers out of range; refused.", e);
        }
    }

    private static Wire.Shape Encode(Model.Shape shape) =>
        new() { Channels = (uint)shape.Channels, Height = (uint)shape.Height, Width = (uint)shape.Width };

    private static Model.Shape Decode(Wire.Shape? shape) => shape is null
        ? default
        : new Model.Shape(
            checked((int)shape.Channels), checked((int)shape.Height), checked((int)shape.Width));

    private static Wire.Window Encode(Model.Window window) => new()
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

    private static Model.Window Decode(Wire.Window window) => new(
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
