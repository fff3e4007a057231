using Popcorn.Engine.Model;

namespace Popcorn.Engine.Wire;

/// <summary>Constants of the wire that both parties share.</summary>
public static class WireLimits
{
    /// <summary>WebSocket subprotocol name.</summary>
    public const string Subprotocol = "popcorn.v1";

    /// <summary>Protocol version of <c>Hello</c>.</summary>
    public const int Version = 1;

    /// <summary>Longest message, in bytes: a chunk, or the public part of a model.</summary>
    public const int MaxMessageBytes = 1 << 20;

    /// <summary>Ciphertexts in one chunk, at most; of the largest key they fill half of a message.</summary>
    public const int MaxChunkCiphertexts = 512;

    /// <summary>Chunks of a round that the server sends ahead of the answers.</summary>
    public const int ChunksInFlight = 4;

    /// <summary>Messages that a channel buffers for its receiver.</summary>
    public const int BufferedMessages = 16;

    /// <summary>Layers that a public network may have.</summary>
    public const int MaxLayers = NetworkValidator.MaxLayers;
}
