using System.Text.Json.Serialization;
using Popcorn.Engine.Model;

namespace Popcorn.Hosting;

/// <summary>A served model as <c>GET /models</c> tells it: public facts only.</summary>
/// <param name="Name">The name that a client asks for.</param>
/// <param name="Input">Input shape: channels, height, width.</param>
/// <param name="InputMinimum">Least integer of an input element.</param>
/// <param name="InputMaximum">Greatest integer of an input element.</param>
/// <param name="InputScale">Real value = integer × scale.</param>
/// <param name="InputOrder">Order of an image's channels: <c>Rgb</c> or <c>Bgr</c>.</param>
/// <param name="Outputs">Number of logits.</param>
/// <param name="Layers">The architecture, in order.</param>
public sealed record ModelDescription(
    string Name,
    IReadOnlyList<int> Input,
    int InputMinimum,
    int InputMaximum,
    double InputScale,
    ChannelOrder InputOrder,
    int Outputs,
    IReadOnlyList<LayerDescription> Layers)
{
    internal static ModelDescription Of(string name, PublicNetwork network) => new(
        name,
        [network.Input.Shape.Channels, network.Input.Shape.Height, network.Input.Shape.Width],
        network.Input.Minimum,
        network.Input.Maximum,
        network.Input.Scale,
        network.Input.Order,
        network.Layers[^1].Output.Size,
        [.. network.Layers.Select(layer => new LayerDescription(
            layer.KindName, [layer.Output.Channels, layer.Output.Height, layer.Output.Width], layer.BoundBits))]);
}

/// <summary>A layer as <c>GET /models</c> tells it.</summary>
/// <param name="Kind">Its kind: <c>conv</c>, <c>relu</c>, …</param>
/// <param name="Output">Shape of its result: channels, height, width.</param>
/// <param name="BoundBits">Least b such that every result x has |x| &lt; 2^b.</param>
public sealed record LayerDescription(string Kind, IReadOnlyList<int> Output, int BoundBits);

/// <summary>What <c>GET /health</c> answers.</summary>
/// <param name="Status"><c>ok</c>.</param>
/// <param name="Models">Number of models served.</param>
/// <param name="Connections">Connections open now.</param>
/// <param name="MaxConnections">Connections allowed.</param>
/// <param name="MemoryReserved">Bytes of memory that sessions have reserved.</param>
/// <param name="MemoryBytes">Bytes of memory that they may reserve.</param>
public sealed record HealthDescription(
    string Status, int Models, int Connections, int MaxConnections, long MemoryReserved, long MemoryBytes);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, UseStringEnumConverter = true)]
[JsonSerializable(typeof(ModelDescription[]))]
[JsonSerializable(typeof(HealthDescription))]
internal sealed partial class HostingJson : JsonSerializerContext;
