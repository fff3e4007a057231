using System.Globalization;
using Popcorn.Cli.Terminal;
using Popcorn.Engine;
using Popcorn.Engine.Model;

namespace Popcorn.Cli.Data;

/// <summary>One image that the user named, as it was read.</summary>
/// <param name="Name">How to call it: <c>digits.idx3-ubyte[7]</c>.</param>
/// <param name="Path">Where it came from.</param>
/// <param name="Image">The image.</param>
/// <param name="IsResizable">See <see cref="IImageSource.IsResizable"/>.</param>
/// <param name="Expected">The class it is labelled with, where that is known.</param>
internal sealed record NamedImage(string Name, string Path, Image Image, bool IsResizable, int? Expected)
{
    // Of pictures, which may be many times larger than what a network takes, a byte for each sample.
    private readonly byte[]? _samples = IsResizable ? Array.ConvertAll(Image.Values, value => (byte)value) : null;
    private readonly int[] _values = IsResizable ? [] : Image.Values;

    /// <summary>The image.</summary>
    public Image Image => new(
        Shape, _samples is null ? _values : Array.ConvertAll(_samples, value => (int)value));

    /// <summary>Its shape.</summary>
    public Shape Shape { get; } = Image.Shape;
}

/// <summary>One image for a network.</summary>
/// <param name="Name">How to call it: <c>digits.idx3-ubyte[7]</c>.</param>
/// <param name="Values">The image as the network takes it.</param>
/// <param name="Expected">The class it is labelled with, where that is known.</param>
internal sealed record ImageInput(string Name, int[] Values, int? Expected);

/// <summary>From the user's words to the network's integers.</summary>
internal static class ImageInputs
{
    private const int MaxRange = 1 << 20;

    /// <summary>Opens an image file or folder; its labels are those given, or those that lie beside it.</summary>
    /// <param name="path">What <see cref="ImageSources.Open"/> reads.</param>
    /// <param name="labels">Label file, or null.</param>
    /// <param name="input">What the network takes: pictures become gray or RGB accordingly.</param>
    /// <exception cref="PopcornException">It cannot be read, or its images have other channels.</exception>
    public static IImageSource Open(string path, string? labels, InputDescription input)
    {
        IImageSource source = ImageSources.Open(path, labels ?? LabelsBeside(path), input.Shape.Channels);
        // Pictures come in any size; a data set of another size is another data set.
        RequireShape(
            source.IsResizable ? input.Shape with { Channels = source.Shape.Channels } : source.Shape, input, path);

        if (source.Shape != input.Shape)
        {
            Output.Note($"images of {source.Shape} are resized to {input.Shape}.");
        }

        bool isAsTaken = source.Shape == input.Shape && input.Order == ChannelOrder.Rgb;
        return isAsTaken ? source : new FittedImages(source, input);
    }

    /// <summary>
    /// Reads the images that a user named, before any server is asked what it takes: a file that cannot be read must
    /// not show in whether a session follows, nor the time that decoding takes in when.
    /// </summary>
    /// <param name="files">Files or folders.</param>
    /// <param name="indices">
    /// Numbers and ranges (<c>7</c>, <c>0-9</c>) that say which images of each file; none: each file holds one.
    /// </param>
    /// <param name="labels">Label file, or null.</param>
    /// <exception cref="PopcornException">A file cannot be read, or lacks the image.</exception>
    public static List<NamedImage> Read(
        IReadOnlyList<string> files, IReadOnlyList<string> indices, string? labels)
    {
        List<int> chosen = [.. indices.SelectMany(ParseRange)];
        var images = new List<NamedImage>();
        foreach (string file in files)
        {
            IImageSource source = ImageSources.Open(file, labels ?? LabelsBeside(file));
            if (chosen.Count == 0 && source.Count > 1)
            {
                throw new PopcornException(
                    $"'{file}' holds {source.Count} images: say which with --index, such as 0 or 0-9.");
            }

            string name = Path.GetFileName(Path.TrimEndingDirectorySeparator(file));
            foreach (int index in chosen.DefaultIfEmpty(0))
            {
                if (index >= source.Count)
                {
                    throw new PopcornException(
                        $"'{file}' has no image {index}: it holds {source.Count}, counted from 0.");
                }

                images.Add(new NamedImage(
                    source.Count == 1 ? name : $"{name}[{index}]", file, source.ReadImage(index), source.IsResizable,
                    source.Label(index)));
            }
        }

        return images;
    }

    /// <summary>The images as a network takes them. Only their shapes decide whether they fit.</summary>
    /// <param name="images">The images.</param>
    /// <param name="input">What the network takes.</param>
    /// <exception cref="PopcornException">They have other channels, or another size and are no pictures.</exception>
    public static List<ImageInput> Fit(IReadOnlyList<NamedImage> images, InputDescription input)
    {
        foreach (Shape shape in images.Where(image => image.IsResizable).Select(image => image.Shape).Distinct()
            .Where(shape => (shape.Height, shape.Width) != (input.Shape.Height, input.Shape.Width)))
        {
            Output.Note($"images of {shape} are resized to {input.Shape}.");
        }

        return [.. images.Select(image => new ImageInput(image.Name, ValuesOf(image, input), image.Expected))];
    }

    private static int[] ValuesOf(NamedImage named, InputDescription input)
    {
        if (!named.IsResizable)
        {
            RequireShape(named.Shape, input, named.Path);
        }

        return named.Image.For(input, $"'{named.Path}'");
    }

    private static void RequireShape(Shape shape, InputDescription input, string path)
    {
        if (shape != input.Shape)
        {
            throw new PopcornException(
                $"'{path}' holds images of {shape} and the network takes {input.Shape} "
                + "(channels x height x width). Only PNG, JPEG and BMP files are resized.");
        }
    }

    /// <summary>MNIST's way to name files: <c>…-images-idx3-ubyte</c> beside <c>…-labels-idx1-ubyte</c>.</summary>
    private static string? LabelsBeside(string path)
    {
        string name = Path.GetFileName(path);
        string labels = name.Replace("images", "labels").Replace("idx3", "idx1");
        string beside = Path.Combine(Path.GetDirectoryName(path) ?? "", labels);
        return labels != name && File.Exists(beside) ? beside : null;
    }

    private static IEnumerable<int> ParseRange(string text)
    {
        string[] ends = text.Split('-');
        if (ends.Length <= 2
            && int.TryParse(ends[0], NumberStyles.None, CultureInfo.InvariantCulture, out int first)
            && int.TryParse(ends[^1], NumberStyles.None, CultureInfo.InvariantCulture, out int last)
            && first <= last && last - first < MaxRange)
        {
            return Enumerable.Range(first, last - first + 1);
        }

        throw new PopcornException(
            $"--index {text} is neither a number nor a range such as 0-9; write several with spaces.");
    }
}
