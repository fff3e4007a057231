using System.Text.Json.Serialization;
using Popcorn.Engine;
using Popcorn.Engine.Model;
using Popcorn.Engine.Sessions;

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
/// <param name="LogitScale">Real logit = integer logit × scale; 0 where the service does not tell.</param>
/// <param name="ClassNames">A name for each logit, or none.</param>
/// <param name="Version">Which version of the model it is; empty where nobody said.</param>
public sealed record ModelDescription(
    string Name,
    IReadOnlyList<int> Input,
    int InputMinimum,
    int InputMaximum,
    double InputScale,
    ChannelOrder InputOrder,
    int Outputs,
    IReadOnlyList<LayerDescription> Layers,
    double LogitScale = 0,
    IReadOnlyList<string>? ClassNames = null,
    string? Version = null)
{
    private const int LongestName = 64;

    /// <summary>What the model takes.</summary>
    /// <exception cref="PopcornException">The service does not say that in full.</exception>
    [JsonIgnore]
    public InputDescription InputDescription => Input is [int channels, int height, int width]
        ? new InputDescription(new Shape(channels, height, width), InputMinimum, InputMaximum, InputScale, InputOrder)
        : throw new PopcornException(
            PopcornError.Protocol,
            $"The server describes the input of '{OneLine.Of(Name, LongestName)}' in a way not understood.");

    /// <summary>
    /// Refuses a network that is not the one described: for <see cref="ClientOptions.CheckNetwork"/>, by whoever
    /// prepared an input for what the service listed.
    /// </summary>
    /// <param name="network">What the server says when the session is opened.</param>
    /// <exception cref="PopcornException">They differ.</exception>
    public void RequireSame(PublicNetwork network)
    {
        ArgumentNullException.ThrowIfNull(network);
        ModelDescription now = Of(Name, network);
        bool isSame = now.InputDescription == InputDescription && now.Outputs == Outputs
            && Layers?.Count == now.Layers.Count
            && Layers.Zip(now.Layers).All(pair => pair.First?.IsSame(pair.Second) == true);
        if (!isSame)
        {
            throw new PopcornException(
                PopcornError.Protocol,
                $"The server describes '{OneLine.Of(Name, LongestName)}' in another way than its list of models did; "
                + "ask for the list again.");
        }
    }

    internal static ModelDescription Of(string name, PublicNetwork network) => new(
        name,
        [network.Input.Shape.Channels, network.Input.Shape.Height, network.Input.Shape.Width],
        network.Input.Minimum,
        network.Input.Maximum,
        network.Input.Scale,
        network.Input.Order,
        network.Layers[^1].Output.Size,
        [.. network.Layers.Select(layer => new LayerDescription(
            layer.KindName, [layer.Output.Channels, layer.Output.Height, layer.Output.Width], layer.BoundBits))],
        network.LogitScale,
        network.ClassNames,
        network.Version);
}

/// <summary>A layer as <c>GET /models</c> tells it.</summary>
/// <param name="Kind">Its kind: <c>conv</c>, <c>relu</c>, …</param>
/// <param name="Output">Shape of its result: channels, height, width.</param>
/// <param name="BoundBits">Least b such that every result x has |x| &lt; 2^b.</param>
public sealed record LayerDescription(string Kind, IReadOnlyList<int> Output, int BoundBits)
{
    internal bool IsSame(LayerDescription other) => Kind == other.Kind && BoundBits == other.BoundBits
        && Output is not null && Output.SequenceEqual(other.Output);
}

/// <summary>What <c>GET /health</c> answers.</summary>
/// <param name="Status"><c>ok</c>, <c>warming up</c>, <c>stopping</c>, or <c>no models</c>.</param>
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
