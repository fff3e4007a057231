using System.Buffers.Binary;
using Popcorn.Engine;
using Popcorn.Engine.Model;

namespace Popcorn.Cli.Data;

/// <summary>The IDX format: two zero bytes, element type, number of sides, sides (big-endian), elements.</summary>
internal static class IdxFile
{
    private const byte UnsignedByte = 8;

    public static bool IsIdx(ReadOnlySpan<byte> bytes) =>
        bytes.Length >= 4 && bytes[0] == 0 && bytes[1] == 0
        && bytes[2] is >= UnsignedByte and <= 14 && bytes[3] is >= 1 and <= 4;

    /// <summary>Sides, and where the elements begin.</summary>
    public static (int[] Sides, int Begin) ReadHeader(ReadOnlySpan<byte> bytes, string path)
    {
        if (!IsIdx(bytes))
        {
            throw ForeignFile.Refusal(path, bytes, "IDX");
        }

        if (bytes[2] != UnsignedByte)
        {
            throw new PopcornException(
                $"'{path}' is an IDX file of type {bytes[2]}; only unsigned bytes (type 8) are read.");
        }

        int begin = 4 + 4 * bytes[3];
        if (bytes.Length < begin)
        {
            throw ImageSources.Damaged(path, "IDX", "its header is cut short");
        }

        var sides = new int[bytes[3]];
        Int128 elements = 1;
        for (int i = 0; i < sides.Length; i++)
        {
            sides[i] = BinaryPrimitives.ReadInt32BigEndian(bytes[(4 + 4 * i)..]);
            if (sides[i] < 0)
            {
                throw ImageSources.Damaged(path, "IDX", $"side {i + 1} of its array is {sides[i]}");
            }

            elements *= sides[i];
        }

        if (elements == 0)
        {
            throw ImageSources.WithoutElements(path);
        }

        if (elements != bytes.Length - begin)
        {
            throw ImageSources.Damaged(
                path, "IDX", $"its header promises {elements} bytes and {bytes.Length - begin} follow");
        }

        return (sides, begin);
    }

    public static byte[] ReadLabels(byte[] bytes, string path)
    {
        (int[] sides, int begin) = ReadHeader(bytes, path);
        return sides.Length == 1
            ? bytes[begin..]
            : throw new PopcornException($"'{path}' holds images, not labels. Name the label file (idx1).");
    }
}

/// <summary>Images of an IDX file: gray (three sides) or with channels (four).</summary>
internal sealed class IdxImages : IImageSource
{
    private readonly byte[] _bytes;
    private readonly int _begin;

    public IdxImages(byte[] bytes, string path)
    {
        (int[] sides, _begin) = IdxFile.ReadHeader(bytes, path);
        Shape = sides switch
        {
            [_, int height, int width] => new Shape(1, height, width),
            [_, int channels, int height, int width] => new Shape(channels, height, width),
            [_, int features] => new Shape(features, 1, 1),
            _ => throw new PopcornException($"'{path}' holds labels, not images. Name the image file (idx3)."),
        };
        if (!Shape.IsValid)
        {
            throw new PopcornException($"'{path}' holds images of {Shape}, which are too large.");
        }

        Count = sides[0];
        _bytes = bytes;
    }

    public int Count { get; }

    public Shape Shape { get; }

    public int[] Read(int index)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(index, Count);
        int size = Shape.Size;
        return Array.ConvertAll(_bytes.AsSpan(_begin + index * size, size).ToArray(), b => (int)b);
    }

    public int? Label(int index) => null;
}
