using Google.Protobuf;
using Google.Protobuf.Reflection;

namespace Popcorn.Engine.Model;

/// <summary>
/// Parses messages that others wrote, in memory proportional to their bytes. A message within a message takes two bytes
/// and becomes an object of a hundred; a field that nobody knows takes four and is kept in a table of its own.
/// </summary>
internal static class BoundedMessage
{
    /// <summary>The message, without its unknown fields.</summary>
    /// <param name="parser">Its parser.</param>
    /// <param name="descriptor">Its kind.</param>
    /// <param name="bytes">The message.</param>
    /// <param name="mostMessages">Messages within it, at most, at any depth.</param>
    /// <exception cref="InvalidProtocolBufferException">It is malformed.</exception>
    /// <exception cref="PopcornException">It holds too many messages.</exception>
    public static T Parse<T>(
        MessageParser<T> parser, MessageDescriptor descriptor, ReadOnlySpan<byte> bytes, int mostMessages)
        where T : IMessage<T>
    {
        int left = mostMessages;
        Count(bytes, descriptor, depth: 0, ref left);
        return left >= 0
            ? parser.WithDiscardUnknownFields(true).ParseFrom(bytes)
            : throw new PopcornException($"A message holds more than {mostMessages} others; refused.");
    }

    /// <summary>
    /// Takes a message's messages off <paramref name="left"/>, as long as there are any left. Where the bytes are
    /// malformed it ends: there the parser ends as well.
    /// </summary>
    private static void Count(ReadOnlySpan<byte> bytes, MessageDescriptor descriptor, int depth, ref int left)
    {
        const int DeepestOfParser = 100;
        while (!bytes.IsEmpty && left >= 0 && TryTakeNumber(ref bytes, out ulong tag))
        {
            ulong skipped = 0;
            switch (tag & 7)
            {
                case 0 when TryTakeNumber(ref bytes, out _):
                    break;
                case 1:
                    skipped = sizeof(ulong);
                    break;
                case 2 when TryTakeNumber(ref bytes, out skipped) && skipped <= (ulong)bytes.Length:
                    FieldDescriptor? field = descriptor.FindFieldByNumber((int)(uint)(tag >> 3));
                    if (field is { FieldType: FieldType.Message })
                    {
                        left--;
                        if (depth < DeepestOfParser)
                        {
                            Count(bytes[..(int)skipped], field.MessageType, depth + 1, ref left);
                        }
                    }

                    break;
                case 3 or 4: // The ends of a group, which is unknown: what stands within counts as if it were not.
                    break;
                case 5:
                    skipped = sizeof(uint);
                    break;
                default:
                    return;
            }

            if (skipped > (ulong)bytes.Length)
            {
                return;
            }

            bytes = bytes[(int)skipped..];
        }
    }

    private static bool TryTakeNumber(ref ReadOnlySpan<byte> bytes, out ulong value)
    {
        const int LongestNumber = 10;
        value = 0;
        for (int i = 0; i < Math.Min(bytes.Length, LongestNumber); i++)
        {
            value |= (ulong)(bytes[i] & 0x7f) << (7 * i);
            if (bytes[i] < 0x80)
            {
                bytes = bytes[(i + 1)..];
                return true;
            }
        }

        return false;
    }
}
