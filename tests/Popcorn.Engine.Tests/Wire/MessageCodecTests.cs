using Google.Protobuf;
using Popcorn.Engine.Wire;
using Popcorn.Engine.Wire.Messages;

namespace Popcorn.Engine.Tests.Wire;

/// <summary>Chunks are read without the general parser: whatever it makes of a message is what is made of it here.
/// </summary>
public sealed class MessageCodecTests
{
    private static readonly uint[] Numbers = [0, 1, 127, 128, 16383, 16384, uint.MaxValue - 1, uint.MaxValue];

    [Fact]
    public void Chunks_come_back_as_they_were()
    {
        foreach (uint step in Numbers)
        {
            foreach (uint first in Numbers)
            {
                foreach (int length in new[] { 0, 1, 127, 128, 70_000 })
                {
                    Frame frame = ChunkOf(step, first, length);
                    byte[] message = MessageCodec.Encode(frame);
                    Assert.Equal(frame, MessageCodec.Decode(message));
                    Assert.Equal(frame, Frame.Parser.ParseFrom(message));
                }
            }
        }
    }

    [Fact]
    public void Whatever_is_changed_in_one_is_read_as_the_general_parser_reads_it()
    {
        var random = new Random(7);
        int read = 0;
        for (int round = 0; round < 40_000; round++)
        {
            byte[] message = MessageCodec.Encode(ChunkOf(
                Numbers[random.Next(Numbers.Length)], Numbers[random.Next(Numbers.Length)], random.Next(6)));
            for (int change = random.Next(3); change >= 0; change--)
            {
                message = Changed(message, random);
            }

            Frame? expected = OrNull(() => Frame.Parser.WithDiscardUnknownFields(true).ParseFrom(message));
            Frame? found = OrNull(() => MessageCodec.Decode(message));
            Assert.True(Equals(expected, found), Convert.ToHexString(message));
            read += found?.BodyCase == Frame.BodyOneofCase.Chunk ? 1 : 0;
        }

        Assert.InRange(read, 2_000, 38_000);
    }

    private static byte[] Changed(byte[] message, Random random)
    {
        List<byte> bytes = [.. message];
        int place = random.Next(Math.Max(1, bytes.Count));
        switch (random.Next(4))
        {
            case 0 when bytes.Count > 0:
                bytes.RemoveAt(place);
                break;
            case 1 when bytes.Count > 0:
                bytes[place] ^= (byte)(1 << random.Next(8));
                break;
            case 2 when bytes.Count > 0:
                bytes[place] = (byte)random.Next(256);
                break;
            default:
                bytes.Insert(place, random.Next(2) == 0 ? (byte)0x80 : (byte)random.Next(256));
                break;
        }

        return [.. bytes];
    }

    private static Frame? OrNull(Func<Frame> read)
    {
        try
        {
            return read();
        }
        catch (Exception e) when (e is PopcornException or InvalidProtocolBufferException)
        {
            return null;
        }
    }

    private static Frame ChunkOf(uint step, uint first, int length)
    {
        var payload = new byte[length];
        new Random(length).NextBytes(payload);
        return new Frame
        {
            Chunk = new Chunk { Step = step, First = first, Payload = ByteString.CopyFrom(payload) },
        };
    }
}
