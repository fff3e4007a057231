using System.Buffers.Binary;
using Popcorn.Engine.Import.Onnx;

namespace Popcorn.Engine.Import;

/// <summary>A constant tensor: initializer, Constant node, or what was folded from them.</summary>
/// <param name="Dims">Its sides; none for a scalar.</param>
/// <param name="Values">Its elements, the last side fastest. Integers beyond 2^53 lose their last bits.</param>
internal sealed record Constant(int[] Dims, double[] Values) : GraphValue
{
    /// <summary>Most sides that a tensor may have.</summary>
    public const int MostSides = 8;

    /// <summary>What its elements are in the file: it decides how they divide and where they saturate.</summary>
    public ElementType Type { get; init; } = ElementType.Float;

    /// <summary>Its only element.</summary>
    public double Single => Values.Length == 1 ? Values[0] : throw new NodeException("a single constant was expected");

    /// <summary>Reads a tensor, in whichever of its fields, or file beside the network's, the data stands.</summary>
    /// <param name="tensor">The tensor.</param>
    /// <param name="external">Opens files beside the network's by name; null: there is no folder to look in.</param>
    /// <exception cref="NodeException">The type is unknown, or shape and data do not fit.</exception>
    public static Constant Of(TensorProto tensor, ExternalData? external)
    {
        if (tensor.Dims.Count > MostSides)
        {
            throw new NodeException($"its shape has {tensor.Dims.Count} sides, more than {MostSides}");
        }

        int[] dims = [.. tensor.Dims.Select((side, i) => side is >= 0 and <= int.MaxValue
            ? (int)side
            : throw new NodeException($"side {i + 1} of its shape is {side}"))];
        int count = Dimensions.Product(dims);
        ElementType type = ElementTypes.Of(tensor.DataType);
        double[] values = ElementsOf(tensor, type, count, external);
        return values.Length == count
            ? new Constant(dims, values) { Type = type }
            : throw new NodeException($"its shape asks for {count} elements and it holds {values.Length}");
    }

    public static Constant Scalar(double value) => new([], [value]);

    public static Constant Vector(double[] values) => new([values.Length], values);

    /// <summary>Sizes and indices.</summary>
    public static Constant Whole(params long[] values) =>
        Vector(Array.ConvertAll(values, v => (double)v)) with { Type = ElementType.Int64 };

    /// <summary>Its elements as integers: a shape, or axes. The greatest stand for "up to the end".</summary>
    public long[] Integers() => Array.ConvertAll(Values, v => double.IsInteger(v)
        ? v >= long.MaxValue ? long.MaxValue : v <= long.MinValue ? long.MinValue : (long)v
        : throw new NodeException($"{v} is no integer"));

    public Constant Map(Func<double, double> function) =>
        this with { Values = Array.ConvertAll(Values, v => function(v)) };

    /// <summary>The same elements with other sides.</summary>
    public Constant Reshaped(Func<int[], int[]> newDims)
    {
        int[] dims = newDims(Dims);
        return Dimensions.Product(dims) == Values.Length
            ? this with { Dims = dims }
            : throw NodeException.Reshaping(Dims, dims);
    }

    private static double[] ElementsOf(TensorProto tensor, ElementType type, int count, ExternalData? external)
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
