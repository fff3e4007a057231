using Popcorn.Engine.Model;

namespace Popcorn.Cli.Data;

/// <summary>The binary layout of CIFAR-10: for each image a byte of label and 3×32×32 bytes, plane by plane.</summary>
internal sealed class CifarImages(byte[] bytes) : IImageSource
{
    private const int Classes = 10;
    private static readonly Shape ImageShape = new(3, 32, 32);
    private static readonly int Record = 1 + ImageShape.Size;

    public int Count => bytes.Length / Record;

    public Shape Shape => ImageShape;

    /// <summary>Whether these bytes are whole records with labels below ten: the format has no other mark.</summary>
    public static bool IsCifar(ReadOnlySpan<byte> bytes)
    {
        if (bytes.IsEmpty || bytes.Length % Record != 0)
        {
            return false;
        }

        for (int i = 0; i < bytes.Length; i += Record)
        {
            if (bytes[i] >= Classes)
            {
                return false;
            }
        }

        return true;
    }

    public int[] Read(int index)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(index, Count);
        return Array.ConvertAll(bytes.AsSpan(index * Record + 1, ImageShape.Size).ToArray(), b => (int)b);
    }

    public int? Label(int index) => bytes[index * Record];
}
