using System.Buffers;
using Google.Protobuf;
using Popcorn.Engine.Model;
using Popcorn.Engine.Wire.Messages;

namespace Popcorn.Engine.Wire;

/// <summary>Frames to and from bytes, with the limits that hold for both parties.</summary>
internal static class MessageCodec
{
    public static void CheckLength(long length)
    {
        if (length > WireLimits.MaxMessageBytes)
        {
            throw new PopcornException(
                PopcornError.Protocol,
                $"A message of {length} bytes exceeds the limit of {WireLimits.MaxMessageBytes} bytes; refused.");
        }
    }

    /// <summary>The frame as bytes, in memory that the caller gives back to the shared pool.</summary>
    public static ArraySegment<byte> EncodeRented(Frame frame)
    {
        int length = frame.CalculateSize();
        CheckLength(length);
        var message = new ArraySegment<byte>(ArrayPool<byte>.Shared.Rent(length), 0, length);
        frame.WriteTo(message.AsSpan());
        return message;
    }

    public static Frame Decode(ReadOnlyMemory<byte> message)
    {
        CheckLength(message.Length);
        try
        {
            return BoundedMessage.Parse(
                Frame.Parser, Frame.Descriptor, message.Span, PublicNetworkCodec.MaxMessages + 1);
        }
        catch (InvalidProtocolBufferException e)
        {
            throw new PopcornException(
                PopcornError.Protocol, "The peer sent a message that is not of the Popcorn protocol.", e);
        }
    }
}
