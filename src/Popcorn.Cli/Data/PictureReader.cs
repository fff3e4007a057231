using Popcorn.Engine;
using Popcorn.Engine.Model;
using StbImageSharp;

namespace Popcorn.Cli.Data;

/// <summary>
/// PNG, JPEG and BMP files as viewers show them: 16 bits cut to 8, on white where they are transparent, and turned as
/// their EXIF orientation says. Gamma and colour profiles are passed over.
/// </summary>
internal static class PictureReader
{
    /// <summary>Pixels of a picture, at most: what phones take fits, and decoding takes a few hundred MB.</summary>
    public const int MaxPixels = 1 << 24;

    private const int White = 255;
    private static readonly string[] Extensions = [".png", ".jpg", ".jpeg", ".bmp"];

    /// <summary>Whether a file begins as a picture does.</summary>
    public static bool IsPicture(ReadOnlySpan<byte> bytes) =>
        PngFile.IsPng(bytes) || JpegFile.IsJpeg(bytes) || BmpFile.IsBmp(bytes);

    /// <summary>Whether a file is named like a picture.</summary>
    public static bool IsNamedPicture(string path) =>
        Extensions.Contains(Path.GetExtension(path), StringComparer.OrdinalIgnoreCase);

    /// <summary>Reads a picture of one (gray) or three (RGB) channels, 0…255.</summary>
    /// <exception cref="PopcornException">It is damaged, too large, or of a kind that is not read.</exception>
    public static Image Read(byte[] bytes, string path)
    {
        // Before the decoder sees the file: it believes what a header says, and the length of a chunk may send it
        // backwards, again and again.
        string format = PngFile.IsPng(bytes) ? "PNG" : JpegFile.IsJpeg(bytes) ? "JPEG" : "BMP";
        ReadOnlySpan<byte> exif = format switch
        {
            "PNG" => PngFile.Check(bytes, path),
            "JPEG" => JpegFile.Check(bytes, path),
            _ => BmpFile.Check(bytes, path),
        };
        return OnWhite(Decode(bytes, path, format)).Turned(Exif.Orientation(exif));
    }

    /// <summary>Refuses a picture that is larger than any that is read.</summary>
    public static void RequireSize(long width, long height, string path)
    {
        if (width is < 1 or > MaxPixels || height is < 1 or > MaxPixels || width * height > MaxPixels)
        {
            throw new PopcornException($"'{path}' is {width}x{height} pixels; 1 to {MaxPixels} in all are read.");
        }
    }

    /// <summary>The library throws all kinds of exceptions at damaged files.</summary>
    private static ImageResult Decode(byte[] bytes, string path, string format)
    {
        try
        {
            return ImageResult.FromMemory(bytes);
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            throw new PopcornException(
                $"'{path}' is a damaged {format} file, or of a kind that is not read ({OneLine.Of(e.Message)}). "
                + "Write it again as a plain PNG.",
                e);
        }
    }

    private static Image OnWhite(ImageResult picture)
    {
        int samples = (int)picture.Comp;
        bool isTransparent = picture.Comp is ColorComponents.GreyAlpha or ColorComponents.RedGreenBlueAlpha;
        var shape = new Shape(isTransparent ? samples - 1 : samples, picture.Height, picture.Width);
        var values = new int[shape.Size];
        for (int i = 0; i < shape.Area; i++)
        {
            ReadOnlySpan<byte> pixel = picture.Data.AsSpan(i * samples, samples);
            int alpha = isTransparent ? pixel[^1] : 255;
            for (int channel = 0; channel < shape.Channels; channel++)
            {
                values[channel * shape.Area + i] = (pixel[channel] * alpha + White * (255 - alpha) + 127) / 255;
            }
        }

        return new Image(shape, values);
    }
}
