using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using Popcorn.Engine;
using Popcorn.Engine.Model;

namespace Popcorn.Cli.Data;

/// <summary>
/// NumPy's <c>.npy</c>: one array of integers, or of floating-point numbers that are whole. Sides are read as N×C×H×W,
/// C×H×W (1 or 3 channels) or N×H×W, H×W, or a vector.
/// </summary>
internal static partial class NpyReader
{
    private static ReadOnlySpan<byte> Magic => [0x93, (byte)'N', (byte)'U', (byte)'M', (byte)'P', (byte)'Y'];

    public static bool IsNpy(ReadOnlySpan<byte> bytes) => bytes.StartsWith(Magic);

    public static IImageSource Read(ReadOnlySpan<byte> bytes, string path)
    {
        (string header, int begin) = ReadHeader(bytes, path);
        Match type = TypeField().Match(header);
        Match order = OrderField().Match(header);
        Match sides = SidesField().Match(header);
        if (!type.Success || !order.Success || !sides.Success)
        {
            throw ImageSources.Damaged(path, ".npy", "its header cannot be understood");
        }

        if (order.Groups[1].Value == "True")
        {
            throw new PopcornException($"'{path}' is in Fortran order. Save it with numpy.ascontiguousarray(x).");
        }

        (int count, Shape shape) = Interpret(sides.Groups[1].Value, path);
        return Images(bytes[begin..], type.Groups[1].Value, count, shape, path);
    }

    private static (string Header, int Begin) ReadHeader(ReadOnlySpan<byte> bytes, string path)
    {
        if (bytes.Length < 12)
        {
            throw ImageSources.Damaged(path, ".npy", "its header is cut short");
        }

        bool wide = bytes[6] >= 2;
        long length = wide
            ? BinaryPrimitives.ReadUInt32LittleEndian(bytes[8..])
            : BinaryPrimitives.ReadUInt16LittleEndian(bytes[8..]);
        int headerBegin = wide ? 12 : 10;
        if (length > bytes.Length - headerBegin)
        {
            throw ImageSources.Damaged(path, ".npy", "its header is cut short");
        }

        int begin = headerBegin + (int)length;
        return (Encoding.Latin1.GetString(bytes[headerBegin..begin]), begin);
    }

    private static (int Count, Shape Shape) Interpret(string text, string path)
    {
        string[] fields = text.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        var sides = new int[fields.Length];
        for (int i = 0; i < sides.Length; i++)
        {
            if (!int.TryParse(fields[i], NumberStyles.None, CultureInfo.InvariantCulture, out sides[i]))
            {
                throw ImageSources.Damaged(path, ".npy", $"'{fields[i]}' is no side of an array");
            }
        }

        if (sides.Contains(0))
        {
            throw ImageSources.WithoutElements(path);
        }

        (int count, Shape shape) = sides switch
        {
            [int features] => (1, new Shape(features, 1, 1)),
            [int height, int width] => (1, new Shape(1, height, width)),
            [1 or 3, int height, int width] => (1, new Shape(sides[0], height, width)),
            [int images, int height, int width] => (images, new Shape(1, height, width)),
            [int images, int channels, int height, int width] => (images, new Shape(channels, height, width)),
            _ => throw new PopcornException($"'{path}' has {sides.Length} sides; images have one to four."),
        };
        return shape.IsValid
            ? (count, shape)
            : throw new PopcornException($"'{path}' holds images of {shape}, which are too large.");
    }

    private static ArrayImages Images(ReadOnlySpan<byte> data, string type, int count, Shape shape, string path)
    {
        int size = type[^1] - '0';
        if (data.Length != (Int128)count * shape.Size * size)
        {
            throw ImageSources.Damaged(
                path, ".npy",
                $"{count} images of {shape} take {(Int128)count * shape.Size * size} bytes, not {data.Length}");
        }

        var images = new Image[count];
        for (int i = 0; i < count; i++)
        {
            var values = new int[shape.Size];
            for (int j = 0; j < values.Length; j++)
            {
                values[j] = Element(data[((i * shape.Size + j) * size)..], type, path);
            }

            images[i] = new Image(shape, values);
        }

        return new ArrayImages(path, images);
    }

    private static int Element(ReadOnlySpan<byte> bytes, string type, string path)
    {
        double value = type switch
        {
            "|u1" => bytes[0],
            "|i1" => (sbyte)bytes[0],
            "<u2" => BinaryPrimitives.ReadUInt16LittleEndian(bytes),
            "<i2" => BinaryPrimitives.ReadInt16LittleEndian(bytes),
            "<u4" => BinaryPrimitives.ReadUInt32LittleEndian(bytes),
            "<i4" => BinaryPrimitives.ReadInt32LittleEndian(bytes),
            "<u8" => BinaryPrimitives.ReadUInt64LittleEndian(bytes),
            "<i8" => BinaryPrimitives.ReadInt64LittleEndian(bytes),
            "<f4" => BinaryPrimitives.ReadSingleLittleEndian(bytes),
            "<f8" => BinaryPrimitives.ReadDoubleLittleEndian(bytes),
            _ => throw new PopcornException(
                $"'{path}' has elements of type '{type}'. Save it as little-endian integers, for example uint8."),
        };
        return double.IsInteger(value) && Math.Abs(value) <= int.MaxValue
            ? (int)value
            : throw new PopcornException(
                $"'{path}' holds {value}. The network takes whole numbers: save raw pixels, 0 to 255.");
    }

    [GeneratedRegex(@"'descr'\s*:\s*'([<>|=][a-z][1-8])'", RegexOptions.CultureInvariant)]
    private static partial Regex TypeField();

    [GeneratedRegex(@"'fortran_order'\s*:\s*(True|False)", RegexOptions.CultureInvariant)]
    private static partial Regex OrderField();

    [GeneratedRegex(@"'shape'\s*:\s*\(([0-9,\s]*)\)", RegexOptions.CultureInvariant)]
    private static partial Regex SidesField();
}
