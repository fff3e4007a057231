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

    public static byte[] Encode(Frame frame)
    {
        CheckLength(frame.CalculateSize());
        return frame.ToByteArray();
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
