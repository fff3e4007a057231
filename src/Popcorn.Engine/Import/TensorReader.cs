using System.Buffers.Binary;
using Popcorn.Engine.Import.Onnx;

namespace Popcorn.Engine.Import;

/// <summary>Reads tensors in whichever of their fields, or file beside the network's, the data stands.</summary>
/// <param name="external">Opens files beside the network's by name; null: there is no folder to look in.</param>
internal sealed class TensorReader(ExternalData? external)
{
    /// <exception cref="NodeException">The type is unknown, or shape and data do not fit.</exception>
    public Constant Read(TensorProto tensor)
    {
        if (tensor.Dims.Count > Constant.MostSides)
        {
            throw new NodeException($"its shape has {tensor.Dims.Count} sides, more than {Constant.MostSides}");
        }

        int[] dims = [.. tensor.Dims.Select((side, i) => side is >= 0 and <= int.MaxValue
            ? (int)side
            : throw new NodeException($"side {i + 1} of its shape is {side}"))];
        int count = Dimensions.Product(dims);
        ElementType type = ElementTypes.Of(tensor.DataType);
        double[] values = Values(tensor, type, count);
        return values.Length == count
            ? new Constant(dims, values) { Type = type }
            : throw new NodeException($"its shape asks for {count} elements and it holds {values.Length}");
    }

    private double[] Values(TensorProto tensor, ElementType type, int count)
    {
        if (tensor.DataLocation != TensorProto.Types.DataLocation.External)
        {
            return tensor.RawData.Length > 0 ? Raw(tensor.RawData.Span, type, count) : Typed(tensor, type, count);
        }

        long size = ((long)count * ElementTypes.Bits(type) + 7) / 8;
        return external is not null
            ? Raw(external.Read(tensor, size), type, count)
            : throw new NodeException("its data lies in another file; import the network from its folder");
    }

    private static double[] Raw(ReadOnlySpan<byte> bytes, ElementType type, int count)
    {
        int bits = ElementTypes.Bits(type);
        if (bits == 4)
        {
            return Nibbles(bytes, type, count);
        }

        int size = bits / 8;
        if (bytes.Length % size != 0)
        {
            throw new NodeException($"its {bytes.Length} bytes are no whole number of elements");
        }

        var values = new double[bytes.Length / size];
        for (int i = 0; i < values.Length; i++)
        {
            values[i] = Element(bytes.Slice(i * size, size), type);
        }

        return values;
    }

    private static double Element(ReadOnlySpan<byte> bytes, ElementType type) => type switch
    {
        ElementType.Float => BinaryPrimitives.ReadSingleLittleEndian(bytes),
        ElementType.Double => BinaryPrimitives.ReadDoubleLittleEndian(bytes),
        ElementType.Float16 => (double)BinaryPrimitives.ReadHalfLittleEndian(bytes),
        ElementType.BFloat16 => BFloat16(BinaryPrimitives.ReadUInt16LittleEndian(bytes)),
        ElementType.Int64 => BinaryPrimitives.ReadInt64LittleEndian(bytes),
        ElementType.UInt64 => BinaryPrimitives.ReadUInt64LittleEndian(bytes),
        ElementType.Int32 => BinaryPrimitives.ReadInt32LittleEndian(bytes),
        ElementType.UInt32 => BinaryPrimitives.ReadUInt32LittleEndian(bytes),
        ElementType.Int16 => BinaryPrimitives.ReadInt16LittleEndian(bytes),
        ElementType.UInt16 => BinaryPrimitives.ReadUInt16LittleEndian(bytes),
        ElementType.Int8 => (sbyte)bytes[0],
        _ => bytes[0],
    };

    /// <summary>Two elements in a byte, the lower half first.</summary>
    private static double[] Nibbles(ReadOnlySpan<byte> bytes, ElementType type, int count)
    {
        var values = new double[Math.Min(count, 2L * bytes.Length)];
        for (int i = 0; i < values.Length; i++)
        {
            int nibble = bytes[i / 2] >> i % 2 * 4 & 15;
            values[i] = type == ElementType.Int4 && nibble > 7 ? nibble - 16 : nibble;
        }

        return values;
    }

    private static double[] Typed(TensorProto tensor, ElementType type, int count) => type switch
    {
        ElementType.Float => [.. tensor.FloatData],
        ElementType.Double => [.. tensor.DoubleData],
        ElementType.Int64 => [.. tensor.Int64Data],
        ElementType.UInt32 or ElementType.UInt64 => [.. tensor.Uint64Data.Select(v => (double)v)],
        ElementType.Float16 =>
            [.. tensor.Int32Data.Select(bits => (double)BitConverter.UInt16BitsToHalf((ushort)bits))],
        ElementType.BFloat16 => [.. tensor.Int32Data.Select(bits => BFloat16((ushort)bits))],
        ElementType.UInt4 or ElementType.Int4 =>
            Nibbles([.. tensor.Int32Data.Select(pair => (byte)pair)], type, count),
        _ => [.. tensor.Int32Data],
    };

    private static double BFloat16(ushort bits) => BitConverter.Int32BitsToSingle(bits << 16);
}
