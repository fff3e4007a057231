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

    private const int Float = 1, UInt8 = 2, Int8 = 3, UInt16 = 4, Int16 = 5, Int32 = 6, Int64 = 7, Bool = 9;
    private const int Float16 = 10, Double = 11;

    public static Constant Scalar(double value) => new([], [value]);

    public static Constant Vector(double[] values) => new([values.Length], values);

    /// <summary>Reads a tensor in whichever of its fields the data stands.</summary>
    /// <exception cref="NodeException">The type is unknown, or shape and data do not fit.</exception>
    public static Constant Read(TensorProto tensor)
    {
        if (tensor.DataLocation == TensorProto.Types.DataLocation.External)
        {
            throw new NodeException("its data lies in another file; save the network as a single file");
        }

        if (tensor.Dims.Count > MostSides)
        {
            throw new NodeException($"its shape has {tensor.Dims.Count} sides, more than {MostSides}");
        }

        int[] dims = [.. tensor.Dims.Select((side, i) => side is >= 0 and <= int.MaxValue
            ? (int)side
            : throw new NodeException($"side {i + 1} of its shape is {side}"))];
        int count = Dimensions.Product(dims);
        double[] values = tensor.RawData.Length > 0 ? ReadRaw(tensor) : ReadTyped(tensor);
        double least = tensor.DataType switch { Int8 => sbyte.MinValue, Int16 => short.MinValue, _ => 0 };
        return values.Length == count
            ? new Constant(dims, values) { LeastOfType = least }
            : throw new NodeException($"its shape asks for {count} elements and it holds {values.Length}");
    }

    /// <summary>The least number of its file type: what an unsigned or signed zero point can be; 0 for reals.</summary>
    public double LeastOfType { get; init; }

    /// <summary>Its only element.</summary>
    public double Single => Values.Length == 1 ? Values[0] : throw new NodeException("a single constant was expected");

    /// <summary>Its elements as integers: a shape, or axes.</summary>
    public long[] Integers() => Array.ConvertAll(Values, v => double.IsInteger(v) && Math.Abs(v) < 1L << 53
        ? (long)v
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

    private static double[] ReadRaw(TensorProto tensor)
    {
        ReadOnlySpan<byte> bytes = tensor.RawData.Span;
        int size = tensor.DataType switch
        {
            UInt8 or Int8 or Bool => 1,
            UInt16 or Int16 or Float16 => 2,
            Float or Int32 => 4,
            Double or Int64 => 8,
            _ => throw UnknownType(tensor.DataType),
        };
        if (bytes.Length % size != 0)
        {
            throw new NodeException($"its {bytes.Length} bytes are no whole number of elements");
        }

        var values = new double[bytes.Length / size];
        for (int i = 0; i < values.Length; i++)
        {
            ReadOnlySpan<byte> element = bytes.Slice(i * size, size);
            values[i] = tensor.DataType switch
            {
                Float => BinaryPrimitives.ReadSingleLittleEndian(element),
                Double => BinaryPrimitives.ReadDoubleLittleEndian(element),
                Float16 => (double)BinaryPrimitives.ReadHalfLittleEndian(element),
                Int64 => BinaryPrimitives.ReadInt64LittleEndian(element),
                Int32 => BinaryPrimitives.ReadInt32LittleEndian(element),
                Int16 => BinaryPrimitives.ReadInt16LittleEndian(element),
                UInt16 => BinaryPrimitives.ReadUInt16LittleEndian(element),
                Int8 => (sbyte)element[0],
                UInt8 or Bool => element[0],
                _ => throw UnknownType(tensor.DataType),
            };
        }

        return values;
    }

    private static double[] ReadTyped(TensorProto tensor) => tensor.DataType switch
    {
        Float => [.. tensor.FloatData],
        Double => [.. tensor.DoubleData],
        Int64 => [.. tensor.Int64Data],
        Int32 or Int16 or Int8 or UInt16 or UInt8 or Bool => [.. tensor.Int32Data],
        Float16 => [.. tensor.Int32Data.Select(bits => (double)BitConverter.UInt16BitsToHalf((ushort)bits))],
        _ => throw UnknownType(tensor.DataType),
    };

    private static NodeException UnknownType(int type) =>
        new($"its elements are of ONNX type {type}; save the weights as floating-point numbers");
}
