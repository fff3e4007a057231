using System.IO.Compression;
using Popcorn.Engine;
using Popcorn.Engine.Model;

namespace Popcorn.Cli.Data;

/// <summary>Opens image files by what they contain: the one entry to the readers of this folder.</summary>
public static class ImageSources
{
    /// <summary>Largest file that is read, in bytes, after decompression.</summary>
    public const int MaxBytes = 1 << 30;

    /// <summary>
    /// Opens an IDX file, a CIFAR-10 <c>.bin</c>, a <c>.npy</c> array, a picture (PNG, JPEG or BMP), all of them also
    /// gzipped, or a folder of pictures with a CSV file (<c>file,label</c>).
    /// </summary>
    /// <param name="path">File or folder.</param>
    /// <param name="labels">IDX file of labels, or a folder's CSV; null for none, or for a folder's only CSV.</param>
    /// <param name="channels">
    /// Channels that the network takes; pictures are turned to gray (1) or to RGB (3). 0 leaves them as they are.
    /// </param>
    /// <exception cref="PopcornException">Nothing is there, or it cannot be read.</exception>
    public static IImageSource Open(string path, string? labels = null, int channels = 0)
    {
        if (Directory.Exists(path))
        {
            return PictureFiles.InFolder(path, labels, channels);
        }

        byte[] bytes = ReadFile(path);
        IImageSource images;
        if (PictureReader.IsPicture(bytes))
        {
            images = PictureFiles.Single(path, channels);
        }
        else if (NpyReader.IsNpy(bytes))
        {
            images = NpyReader.Read(bytes, path);
        }
        else if (IdxFile.IsIdx(bytes))
        {
            images = new IdxImages(bytes, path);
        }
        else if (CifarImages.IsCifar(bytes))
        {
            images = new CifarImages(bytes);
        }
        else
        {
            throw new PopcornException(
                $"'{path}' is no IDX, CIFAR-10 .bin, .npy, PNG, JPEG or BMP file. Convert the images to one of these.");
        }

        return labels is null
            ? images
            : new LabelledImages(images, IdxFile.ReadLabels(ReadFile(labels), labels), labels);
    }

    /// <summary>All bytes of a file, unpacked if it is gzipped.</summary>
    /// <exception cref="PopcornException">It cannot be read, is damaged, or longer than is allowed.</exception>
    internal static byte[] ReadFile(string path)
    {
        try
        {
            using FileStream file = File.OpenRead(path);
            byte[] bytes = BoundedStream.ReadAll(file, MaxBytes, "file");
            if (bytes is not [0x1f, 0x8b, ..])
            {
                return bytes;
            }

            using var gzip = new GZipStream(new MemoryStream(bytes), CompressionMode.Decompress);
            return BoundedStream.ReadAll(gzip, MaxBytes, "file");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or InvalidDataException
            or ArgumentException or NotSupportedException)
        {
            throw new PopcornException($"'{path}' cannot be read: {OneLine.Of(e.Message)}", e);
        }
    }

    internal static PopcornException Damaged(string path, string finding) =>
        new($"'{path}' is damaged: {finding}. Fetch or write it again.");
}
