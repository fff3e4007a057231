using System.Buffers;
using System.Buffers.Binary;
using System.Numerics;
using System.Text;

namespace Popcorn.Engine.Model;

/// <summary>
/// Writes the secret part of a model file: integers of variable length, seven bits a byte, least first.
/// </summary>
internal sealed class ByteWriter
{
    private readonly ArrayBufferWriter<byte> _buffer = new();

    public ReadOnlySpan<byte> Written => _buffer.WrittenSpan;

    public void Byte(byte value) => _buffer.Write([value]);

    public void Bytes(ReadOnlySpan<byte> value) => _buffer.Write(value);

    public void Unsigned(int value)
    {
        uint rest = (uint)value;
        while (rest >= 0x80)
        {
            Byte((byte)(rest | 0x80));
            rest >>= 7;
        }

        Byte((byte)rest);
    }

    public void Signed(int value) => Unsigned((value << 1) ^ (value >> 31));

    public void Double(double value)
    {
        BinaryPrimitives.WriteDoubleLittleEndian(_buffer.GetSpan(sizeof(double)), value);
        _buffer.Advance(sizeof(double));
    }

    public void String(string value)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(value);
        Unsigned(bytes.Length);
        Bytes(bytes);
    }

    public void Integer(BigInteger value)
    {
        byte[] bytes = value.ToByteArray();
        Unsigned(bytes.Length);
        Bytes(bytes);
    }

    public void Integers(BigInteger[] values)
    {
        foreach (BigInteger value in values)
        {
            Integer(value);
        }
    }
}

/// <summary>
/// Reads the secret part of a model file; nothing is allocated before its bytes are known to be there.
/// </summary>
internal ref struct ByteReader(ReadOnlySpan<byte> bytes)
{
    private static readonly UTF8Encoding StrictUtf8 = new(false, throwOnInvalidBytes: true);

    private ReadOnlySpan<byte> _rest = bytes;

    public readonly int Remaining => _rest.Length;

    /// <summary>Refuses to go on if fewer bytes than this remain.</summary>
    public readonly void Expect(long count)
    {
        if (count > _rest.Length)
        {
            throw new PopcornException($"{count} bytes were expected and {_rest.Length} are left");
        }
    }

    public byte Byte() => Bytes(1)[0];

    public ReadOnlySpan<byte> Bytes(int count)
    {
        Expect(count);
        ReadOnlySpan<byte> result = _rest[..count];
        _rest = _rest[count..];
        return result;
    }

    /// <summary>A number from 0 to <paramref name="most"/>.</summary>
    public int Unsigned(int most)
    {
        uint value = Unsigned();
        return value <= (uint)most
            ? (int)value
            : throw new PopcornException($"a number is {value}, greater than {most}");
    }

    public int Signed()
    {
        uint value = Unsigned();
        return (int)(value >> 1) ^ -(int)(value & 1);
    }

    public double Double() => BinaryPrimitives.ReadDoubleLittleEndian(Bytes(sizeof(double)));

    public string String(int mostCharacters)
    {
        try
        {
            string text = StrictUtf8.GetString(Bytes(Unsigned(mostCharacters * 3)));
            return text.Any(char.IsControl) ? throw new PopcornException("a name holds a control character") : text;
        }
        catch (ArgumentException e)
        {
            throw new PopcornException("a name is not valid UTF-8", e);
        }
    }

    /// <summary>A number of small integers.</summary>
    public int[] SignedIntegers(int count)
    {
        Expect(count);
        var values = new int[count];
        for (int i = 0; i < values.Length; i++)
        {
            values[i] = Signed();
        }

        return values;
    }

    /// <summary>A number of integers of at most some bits each.</summary>
    public BigInteger[] Integers(long count, int mostBits)
    {
        // Each takes at least one byte, so that a lying count cannot make us allocate much more than the file holds.
        Expect(count);
        var values = new BigInteger[count];
        for (int i = 0; i < values.Length; i++)
        {
            values[i] = new BigInteger(Bytes(Unsigned(mostBits / 8 + 1)));
        }

        return values;
    }

    private uint Unsigned()
    {
        ulong value = 0;
        for (int shift = 0; shift < 35; shift += 7)
        {
            byte next = Byte();
            value |= (ulong)(next & 0x7f) << shift;
            if (next < 0x80)
            {
                return value <= uint.MaxValue ? (uint)value : throw new PopcornException("a number is too long");
            }
        }

        throw new PopcornException("a number is too long");
    }
}
