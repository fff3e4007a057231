using Popcorn.Engine.Planning;
using Popcorn.Engine.Protocols;

namespace Popcorn.Engine.Wire;

/// <summary>Constants of the wire that both parties share.</summary>
public static class WireLimits
{
    /// <summary>WebSocket subprotocol name.</summary>
    public const string Subprotocol = "popcorn.v3";

    /// <summary>Protocol version of <c>Hello</c>.</summary>
    public const int Version = 3;

    /// <summary>Longest message, in bytes: of a step, or the public part of a model.</summary>
    public const int MaxMessageBytes = 1 << 20;

    /// <summary>Messages that a channel buffers for its receiver.</summary>
    public const int BufferedMessages = 16;

    /// <summary>
    /// Bytes of them from which on a channel reads no more: twice what a party sends before it waits for an answer.
    /// </summary>
    public const int BufferedBytes = 2 * IExchange.MessagesAhead * Plan.MaxPayloadBytes;
}
