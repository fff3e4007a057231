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
            throw ForeignFile.Refusal(path, bytes, "IDX, CIFAR-10 .bin, .npy, PNG, JPEG or BMP");
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
            Stream stream = file.CanSeek ? file : new MemoryStream(BoundedStream.ReadAll(file, MaxBytes, "file"));
            byte[] head = First(stream);
            stream.Position = 0;
            return BoundedStream.IsGzip(head)
                ? BoundedStream.Unpack(stream, MaxBytes, "file")
                : BoundedStream.ReadAll(stream, MaxBytes, "file");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or InvalidDataException
            or ArgumentException or NotSupportedException)
        {
            throw new PopcornException($"'{path}' cannot be read: {OneLine.Of(e.Message)}", e);
        }
    }

    /// <summary>The first bytes of a file, unpacked if it is gzipped; none where it cannot be read.</summary>
    internal static byte[] ReadHead(string path)
    {
        try
        {
            // A pipe has no length, and opening it would wait for its writer.
            if (new FileInfo(path).Length == 0)
            {
                return [];
            }

            using FileStream file = File.OpenRead(path);
            byte[] head = First(file);
            if (!BoundedStream.IsGzip(head))
            {
                return head;
            }

            file.Position = 0;
            using var gzip = new GZipStream(file, CompressionMode.Decompress);
            return First(gzip);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or InvalidDataException)
        {
            return [];
        }
    }

    /// <summary>A file that is whole for all one knows holds an array of nothing.</summary>
    internal static PopcornException WithoutElements(string path) =>
        new($"'{path}' is empty: it holds an array without elements. Fetch or write it again.");

    /// <summary>By what it contains: it may be called otherwise.</summary>
    internal static PopcornException Damaged(string path, string format, string finding) =>
        new($"'{path}' is a damaged {format} file: {finding}. Fetch or write it again.");

    private static byte[] First(Stream stream)
    {
        var head = new byte[ForeignFile.HeadBytes];
        return head[..stream.ReadAtLeast(head, head.Length, throwOnEndOfStream: false)];
    }
}
