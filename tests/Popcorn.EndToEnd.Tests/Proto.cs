using System.Text;

namespace Popcorn.EndToEnd.Tests;

/// <summary>Protocol buffers by hand: tests pin the bytes, not what one generator makes of both sides.</summary>
internal static class Proto
{
    /// <summary>A field of a number.</summary>
    public static byte[] Number(int field, ulong value) => [(byte)(field << 3), .. Variable(value)];

    /// <summary>A field of bytes or of a message.</summary>
    public static byte[] Bytes(int field, params byte[] content) =>
        [Tag(field), .. Variable((ulong)content.Length), .. content];

    /// <summary>A field of text.</summary>
    public static byte[] Text(int field, string content) => Bytes(field, Encoding.UTF8.GetBytes(content));

    /// <summary>The tag of a field of bytes.</summary>
    public static byte Tag(int field) => (byte)(field << 3 | 2);

    /// <summary>Reads a number and moves on.</summary>
    public static int ReadNumber(ReadOnlySpan<byte> message, ref int at)
    {
        int value = 0;
        for (int shift = 0; ; shift += 7)
        {
            value |= (message[at] & 0x7f) << shift;
            if ((message[at++] & 0x80) == 0)
            {
                return value;
            }
        }
    }

    private static byte[] Variable(ulong value)
    {
        var bytes = new List<byte>();
        for (; value >= 0x80; value >>= 7)
        {
            bytes.Add((byte)(value | 0x80));
        }

        return [.. bytes, (byte)value];
    }
}
