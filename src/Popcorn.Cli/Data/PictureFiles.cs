using System.Globalization;
using System.Text;
using Popcorn.Cli.Terminal;
using Popcorn.Engine;
using Popcorn.Engine.Model;

namespace Popcorn.Cli.Data;

/// <summary>PNG, JPEG and BMP files, each read when it is asked for.</summary>
internal sealed class PictureFiles : IImageSource
{
    private readonly IReadOnlyList<(string Path, int? Label)> _files;
    private readonly int _channels;
    private readonly Image _first;

    private PictureFiles(IReadOnlyList<(string Path, int? Label)> files, int channels)
    {
        _files = files;
        _channels = channels;
        _first = ReadImage(0);
    }

    public int Count => _files.Count;

    public Shape Shape => _first.Shape;

    public bool IsResizable => true;

    /// <summary>One picture.</summary>
    public static PictureFiles Single(string path, int channels) => new([(path, null)], channels);

    /// <summary>
    /// The pictures of a folder that a CSV file names: its first two columns are <c>file</c> and <c>label</c>; further
    /// columns and a header line are passed over. Without a CSV: all pictures but hidden ones, by what files contain,
    /// in the order of their names, without labels.
    /// </summary>
    public static PictureFiles InFolder(string folder, string? csv, int channels)
    {
        List<(string Path, int? Label)> files;
        try
        {
            csv ??= OnlyCsv(folder);
            files = csv is not null
                ? ReadCsv(folder, csv)
                : [.. Directory.EnumerateFiles(folder).Order(StringComparer.Ordinal).Where(IsMeant)
                    .Select(file => (file, (int?)null))];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new PopcornException($"'{folder}' cannot be read: {OneLine.Of(e.Message)}", e);
        }

        return files.Count > 0
            ? new PictureFiles(files, channels)
            : throw new PopcornException(
                csv is null ? $"'{folder}' holds no PNG, JPEG or BMP images." : $"'{csv}' names no picture.");
    }

    public int[] Read(int index)
    {
        Image image = index == 0 ? _first : ReadImage(index);
        return image.Shape == Shape
            ? image.Values
            : throw new PopcornException(
                $"'{_files[index].Path}' is {image.Shape} and the first image is {Shape}. Give all images one size.");
    }

    public int? Label(int index) => _files[index].Label;

    Image IImageSource.ReadImage(int index) => ReadImage(index);

    private Image ReadImage(int index)
    {
        string path = _files[index].Path;
        byte[] bytes = ImageSources.ReadFile(path);
        return PictureReader.IsPicture(bytes)
            ? PictureReader.Read(bytes, path).Convert(_channels, $"'{path}'")
            : throw ForeignFile.Refusal(path, bytes, "PNG, JPEG or BMP");
    }

    /// <summary>Whether a user who names the folder means this file, be it one that is not read: that is said then.
    /// </summary>
    private static bool IsMeant(string path)
    {
        byte[] head = ImageSources.ReadHead(path);
        bool isPicture = PictureReader.IsPicture(head) || ForeignFile.IsPicture(head);
        if (!IsHidden(path))
        {
            return isPicture || PictureReader.IsNamedPicture(path);
        }

        if (isPicture)
        {
            Output.Note($"'{path}' is hidden and passed over.");
        }

        return false;
    }

    /// <summary>By the systems' attribute, or by name: such files come from one system to the other.</summary>
    private static bool IsHidden(string path) =>
        Path.GetFileName(path).StartsWith('.') || File.GetAttributes(path).HasFlag(FileAttributes.Hidden);

    /// <summary>The folder's only CSV, or the one named like it beside it; null where there is none.</summary>
    private static string? OnlyCsv(string folder)
    {
        string[] inside = [.. Directory.EnumerateFiles(folder).Where(file =>
            Path.GetExtension(file).Equals(".csv", StringComparison.OrdinalIgnoreCase) && !IsHidden(file)).Take(2)];
        string beside = Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder)) + ".csv";
        return inside.Length switch
        {
            1 => inside[0],
            0 => File.Exists(beside) ? beside : null,
            _ => throw new PopcornException($"'{folder}' holds several CSV files. Name the one to use with --labels."),
        };
    }

    private static List<(string Path, int? Label)> ReadCsv(string folder, string csv)
    {
        var files = new List<(string Path, int? Label)>();
        string[] lines = Encoding.UTF8.GetString(ImageSources.ReadFile(csv)).Split('\n');
        for (int i = 0; i < lines.Length; i++)
        {
            string[] fields = lines[i].Trim().TrimStart('\ufeff').Split(',');
            if (fields is [""] || (i == 0 && fields is ["file", "label", ..]))
            {
                continue;
            }

            if (fields.Length < 2
                || !int.TryParse(fields[1].Trim(), NumberStyles.None, CultureInfo.InvariantCulture, out int label))
            {
                throw new PopcornException(
                    $"'{csv}', line {i + 1}: expected 'file,label' with a whole number as label.");
            }

            string name = fields[0].Trim();
            string path = Path.Combine(folder, name);
            if (name.Length == 0 || name.Contains('\0') || !File.Exists(path))
            {
                throw new PopcornException($"'{csv}', line {i + 1}: there is no file '{name}' in '{folder}'.");
            }

            files.Add((path, label));
        }

        return files;
    }
}
