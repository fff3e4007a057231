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
        if (TryDecodeChunk(message) is { } chunk)
        {
            return new Frame { Chunk = chunk };
        }

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

    /// <summary>
    /// A chunk as <see cref="Encode"/> writes it, whose payload stays where it arrived: chunks are most of what
    /// travels. Null: another message, or written otherwise.
    /// </summary>
    private static Chunk? TryDecodeChunk(ReadOnlyMemory<byte> message)
    {
        const byte ChunkTag = (Frame.ChunkFieldNumber << 3) | 2, StepTag = Chunk.StepFieldNumber << 3;
        const byte FirstTag = Chunk.FirstFieldNumber << 3, PayloadTag = (Chunk.PayloadFieldNumber << 3) | 2;
        ReadOnlyMemory<byte> rest = message;
        var chunk = new Chunk();
        if (Take(ChunkTag, ref rest) != rest.Length)
        {
            return null;
        }

        chunk.Step = Take(StepTag, ref rest) ?? 0;
        chunk.First = Take(FirstTag, ref rest) ?? 0;
        if (Take(PayloadTag, ref rest) != rest.Length)
        {
            return null;
        }

        chunk.Payload = UnsafeByteOperations.UnsafeWrap(rest);
        return chunk;
    }

    /// <summary>The number behind a tag, if that comes next and the number in as few bytes as it can.</summary>
    private static uint? Take(byte tag, ref ReadOnlyMemory<byte> rest)
    {
        ReadOnlySpan<byte> bytes = rest.Span;
        if (bytes.IsEmpty || bytes[0] != tag)
        {
            return null;
        }

        ulong number = 0;
        for (int i = 1; i <= 5 && i < bytes.Length; i++)
        {
            number |= (ulong)(bytes[i] & 0x7F) << (7 * (i - 1));
            if (bytes[i] < 0x80)
            {
                if (number > uint.MaxValue || (bytes[i] == 0 && i > 1))
                {
                    return null;
                }

                rest = rest[(i + 1)..];
                return (uint)number;
            }
        }

        return null;
    }
}
