using System.Buffers.Binary;

namespace Popcorn.Fuzz;

/// <summary>Changes to inputs: of any bytes, of protocol buffers field by field, of sequences of messages.</summary>
internal static class Mutations
{
    private static readonly ulong[] Numbers =
    [
        0, 1, 2, 3, 7, 8, 15, 16, 31, 32, 63, 64, 100, 127, 128, 255, 256, 1000, 4095, 4096, 4097, 1 << 14, 65535,
        65536, 1 << 20, (1 << 24) - 1, 1 << 24, 1 << 25, int.MaxValue - 1, int.MaxValue, 1UL << 31, uint.MaxValue,
        1UL << 32, long.MaxValue, 1UL << 63, ulong.MaxValue,
    ];

    /// <summary>Some changes, one after the other, of bytes whatever they mean.</summary>
    public static byte[] Bytes(byte[] input, byte[] other, IReadOnlyList<byte[]> words, Random random)
    {
        var bytes = new List<byte>(input);
        for (int changes = 1 << random.Next(4); changes > 0; changes--)
        {
            Change(bytes, other, words, random);
        }

        return [.. bytes];
    }

    /// <summary>Some changes that leave the length as it is: where a wrong one is refused at once.</summary>
    public static byte[] InPlace(byte[] input, byte[] other, Random random)
    {
        byte[] bytes = [.. input];
        for (int changes = 1 << random.Next(4); changes > 0 && bytes.Length > 0; changes--)
        {
            int at = random.Next(bytes.Length);
            int length = Math.Min(1 << random.Next(8), bytes.Length - at);
            switch (random.Next(5))
            {
                case 0:
                    bytes[at] ^= (byte)(1 << random.Next(8));
                    break;
                case 1:
                    NumberBytes(random).AsSpan()[..Math.Min(1, length)].CopyTo(bytes.AsSpan(at));
                    break;
                case 2:
                    bytes.AsSpan(at, length).Fill((byte)(random.Next(2) == 0 ? 0 : 0xff));
                    break;
                case 3 when other.Length > at:
                    other.AsSpan(at, Math.Min(length, other.Length - at)).CopyTo(bytes.AsSpan(at));
                    break;
                default:
                    random.NextBytes(bytes.AsSpan(at, length));
                    break;
            }
        }

        return bytes;
    }

    /// <summary>A change of a protocol buffer that keeps the lengths around it right; of other bytes any change.
    /// </summary>
    public static byte[] Message(byte[] input, byte[] other, Random random, int depth = 0)
    {
        if (depth > 8 || random.Next(6) == 0 || FieldsOf(input) is not { Count: > 0 } fields)
        {
            return Bytes(input, other, [], random);
        }

        int at = random.Next(fields.Count);
        Field field = fields[at];
        switch (random.Next(8))
        {
            case 0:
                fields.RemoveAt(at);
                break;
            case 1:
                int copies = random.Next(8) == 0 ? 1 << random.Next(13) : 1;
                copies = Math.Min(copies, 1 + 50_000 / (field.Content.Length + 1));
                fields.InsertRange(at, Enumerable.Repeat(field, copies));
                break;
            case 2:
                int place = random.Next(fields.Count);
                (fields[at], fields[place]) = (fields[place], field);
                break;
            case 3 when FieldsOf(other) is { Count: > 0 } donors:
                fields.Insert(at, donors[random.Next(donors.Count)]);
                break;
            case 4:
                fields[at] = field with { Number = random.Next(20) };
                break;
            default:
                fields[at] = field.Type == 2
                    ? field with { Content = Message(field.Content, other, random, depth + 1) }
                    : field with { Value = Number(random, field.Value) };
                break;
        }

        return Written(fields);
    }

    /// <summary>A change of a sequence of messages: of one of them, or of their order.</summary>
    public static byte[] Sequence(byte[] input, byte[] other, Random random)
    {
        List<byte[]> messages = [.. MessagesOf(input)];
        List<byte[]> donors = [.. MessagesOf(other)];
        if (messages.Count == 0)
        {
            return Joined(donors);
        }

        int at = random.Next(messages.Count);
        switch (random.Next(10))
        {
            case 0:
                messages.RemoveAt(at);
                break;
            case 1:
                messages.Insert(at, messages[random.Next(messages.Count)]);
                break;
            case 2:
                messages.RemoveRange(at, messages.Count - at);
                break;
            case 3 when donors.Count > 0:
                messages.Insert(at, donors[random.Next(donors.Count)]);
                break;
            case 4:
                messages[at] = messages[at][..random.Next(messages[at].Length + 1)];
                break;
            default:
                messages[at] = Message(messages[at], donors.Count > 0 ? donors[0] : [], random);
                break;
        }

        return Joined(messages);
    }

    /// <summary>Messages, each behind its length in four bytes.</summary>
    public static byte[] Joined(IEnumerable<byte[]> messages)
    {
        using var stream = new MemoryStream();
        Span<byte> length = stackalloc byte[4];
        foreach (byte[] message in messages)
        {
            BinaryPrimitives.WriteInt32LittleEndian(length, message.Length);
            stream.Write(length);
            stream.Write(message);
        }

        return stream.ToArray();
    }

    /// <summary>The messages of a sequence; a last one that is cut is shorter.</summary>
    public static IReadOnlyList<byte[]> MessagesOf(ReadOnlySpan<byte> input)
    {
        var messages = new List<byte[]>();
        while (input.Length >= 4)
        {
            long length = BinaryPrimitives.ReadUInt32LittleEndian(input);
            input = input[4..];
            int taken = (int)Math.Min(length, input.Length);
            messages.Add(input[..taken].ToArray());
            input = input[taken..];
        }

        return messages;
    }

    private static void Change(List<byte> bytes, byte[] other, IReadOnlyList<byte[]> words, Random random)
    {
        int at = random.Next(bytes.Count + 1);
        int length = Math.Min(1 << random.Next(8), bytes.Count - at);
        switch (random.Next(10))
        {
            case 0 when at < bytes.Count:
                bytes[at] ^= (byte)(1 << random.Next(8));
                break;
            case 1 when at < bytes.Count:
                bytes[at] = (byte)Number(random, bytes[at]);
                break;
            case 2:
                bytes.RemoveRange(at, random.Next(length + 1));
                break;
            case 3:
                var noise = new byte[random.Next(1, 40)];
                random.NextBytes(noise);
                bytes.InsertRange(at, noise);
                break;
            case 4:
                bytes.InsertRange(random.Next(bytes.Count + 1), bytes.GetRange(at, length));
                break;
            case 5:
                Overwrite(bytes, at, NumberBytes(random));
                break;
            case 6 when words.Count > 0:
                bytes.InsertRange(at, words[random.Next(words.Count)]);
                break;
            case 7 when words.Count > 0:
                Overwrite(bytes, at, words[random.Next(words.Count)]);
                break;
            case 8 when random.Next(4) == 0:
                bytes.RemoveRange(at, bytes.Count - at);
                break;
            case 9 when other.Length > 0:
                int from = random.Next(other.Length);
                byte[] part = other[from..Math.Min(other.Length, from + (1 << random.Next(10)))];
                if (random.Next(2) == 0)
                {
                    bytes.InsertRange(at, part);
                }
                else
                {
                    Overwrite(bytes, at, part);
                }

                break;
            default:
                Overwrite(bytes, at, [(byte)random.Next(256)]);
                break;
        }
    }

    private static void Overwrite(List<byte> bytes, int at, byte[] with)
    {
        for (int i = 0; i < with.Length && at + i < bytes.Count; i++)
        {
            bytes[at + i] = with[i];
        }
    }

    private static byte[] NumberBytes(Random random)
    {
        var bytes = new byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, Number(random, 0));
        byte[] result = bytes[..(1 << random.Next(4))];
        if (random.Next(2) == 0)
        {
            Array.Reverse(result);
        }

        return result;
    }

    private static ulong Number(Random random, ulong old) => random.Next(4) switch
    {
        0 => old + (ulong)random.Next(-3, 4),
        1 => (ulong)random.NextInt64(1L << random.Next(1, 62)),
        _ => Numbers[random.Next(Numbers.Length)],
    };

    /// <summary>The fields of a protocol buffer; null where the bytes are none.</summary>
    private static List<Field>? FieldsOf(ReadOnlySpan<byte> bytes)
    {
        var fields = new List<Field>();
        while (!bytes.IsEmpty)
        {
            if (!TryTake(ref bytes, out ulong tag) || tag >> 3 is 0 or > 1 << 20)
            {
                return null;
            }

            int type = (int)(tag & 7);
            ulong value = 0;
            byte[] content = [];
            if (type is 0 or 2 && !TryTake(ref bytes, out value))
            {
                return null;
            }

            ulong length = type switch { 1 => 8, 5 => 4, 2 => value, _ => 0 };
            if (type is 3 or 4 or > 5 || length > (ulong)bytes.Length)
            {
                return null;
            }

            content = bytes[..(int)length].ToArray();
            bytes = bytes[(int)length..];
            fields.Add(new Field((int)(tag >> 3), type, value, content));
        }

        return fields;
    }

    private static byte[] Written(List<Field> fields)
    {
        using var stream = new MemoryStream();
        foreach (Field field in fields)
        {
            Put(stream, ((ulong)field.Number << 3) | (uint)field.Type);
            if (field.Type is 0 or 2)
            {
                Put(stream, field.Type == 0 ? field.Value : (ulong)field.Content.Length);
            }

            stream.Write(field.Content);
        }

        return stream.ToArray();
    }

    private static void Put(MemoryStream stream, ulong value)
    {
        for (; value >= 0x80; value >>= 7)
        {
            stream.WriteByte((byte)(value | 0x80));
        }

        stream.WriteByte((byte)value);
    }

    private static bool TryTake(ref ReadOnlySpan<byte> bytes, out ulong value)
    {
        value = 0;
        for (int i = 0; i < Math.Min(bytes.Length, 10); i++)
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

    private readonly record struct Field(int Number, int Type, ulong Value, byte[] Content);
}
