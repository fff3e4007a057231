using System.Globalization;
using System.Text;
using Popcorn.Engine;
using Popcorn.Engine.Model;

namespace Popcorn.Cli.Data;

/// <summary>
/// A folder of PNGs with a CSV file whose first two columns are <c>file</c> and <c>label</c>; further columns and a
/// header line are passed over. Without a CSV: all PNGs of the folder in the order of their names, without labels.
/// </summary>
internal sealed class FolderImages : IImageSource
{
    private readonly List<(string Path, int? Label)> _files = [];
    private readonly int _channels;

    public FolderImages(string folder, string? csv, int channels)
    {
        _channels = channels;
        try
        {
            csv ??= OnlyCsv(folder);
            if (csv is not null)
            {
                ReadCsv(folder, csv);
            }
            else
            {
                foreach (string file in Directory.EnumerateFiles(folder, "*.png").Order(StringComparer.Ordinal))
                {
                    _files.Add((file, null));
                }
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new PopcornException($"'{folder}' cannot be read: {e.Message.ReplaceLineEndings(" ")}", e);
        }

        if (_files.Count == 0)
        {
            throw new PopcornException($"'{folder}' holds no PNG images.");
        }

        Shape = ReadImage(0).Shape;
    }

    public int Count => _files.Count;

    public Shape Shape { get; }

    public int[] Read(int index)
    {
        Image image = ReadImage(index);
        return image.Shape == Shape
            ? image.Values
            : throw new PopcornException(
                $"'{_files[index].Path}' is {image.Shape} and the first image is {Shape}. Give all images one size.");
    }

    public int? Label(int index) => _files[index].Label;

    private Image ReadImage(int index)
    {
        string path = _files[index].Path;
        return PngReader.Read(ImageSources.ReadFile(path), path).Convert(_channels, path);
    }

    /// <summary>The folder's only CSV, or the one named like it beside it; null where there is none.</summary>
    private static string? OnlyCsv(string folder)
    {
        string[] inside = [.. Directory.EnumerateFiles(folder, "*.csv").Take(2)];
        string beside = Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder)) + ".csv";
        return inside.Length switch
        {
            1 => inside[0],
            0 => File.Exists(beside) ? beside : null,
            _ => throw new PopcornException($"'{folder}' holds several CSV files. Name the one to use with --labels."),
        };
    }

    private void ReadCsv(string folder, string csv)
    {
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

            _files.Add((path, label));
        }
    }
}
