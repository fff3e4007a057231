using System.Globalization;
using Popcorn.Cli.Terminal;
using Popcorn.Engine;
using Popcorn.Engine.Model;

namespace Popcorn.Cli.Data;

/// <summary>One image that the user named.</summary>
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
        bool fits = source.IsResizable
            ? source.Shape.Channels == input.Shape.Channels
            : source.Shape == input.Shape;
        if (!fits)
        {
            throw new PopcornException(
                $"'{path}' holds images of {source.Shape} and the network takes {input.Shape} "
                + "(channels x height x width). Only PNG, JPEG and BMP files are resized.");
        }

        if (source.Shape != input.Shape)
        {
            Output.Note($"images of {source.Shape} are resized to {input.Shape}.");
        }

        bool isAsTaken = source.Shape == input.Shape && input.Order == ChannelOrder.Rgb;
        return isAsTaken ? source : new FittedImages(source, input);
    }

    /// <summary>Reads the images that a user named.</summary>
    /// <param name="files">Files or folders.</param>
    /// <param name="indices">
    /// Numbers and ranges (<c>7</c>, <c>0-9</c>) that say which images of each file; none: each file holds one.
    /// </param>
    /// <param name="labels">Label file, or null.</param>
    /// <param name="input">What the network takes.</param>
    /// <exception cref="PopcornException">A file cannot be read, or lacks the image, or it does not fit.</exception>
    public static List<ImageInput> Read(
        IReadOnlyList<string> files, IReadOnlyList<string> indices, string? labels, InputDescription input)
    {
        List<int> chosen = [.. indices.SelectMany(ParseRange)];
        var images = new List<ImageInput>();
        foreach (string file in files)
        {
            IImageSource source = Open(file, labels, input);
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

                string imageName = source.Count == 1 ? name : $"{name}[{index}]";
                int[] values = source.Read(index);
                RequireRange(imageName, values, input);
                images.Add(new ImageInput(imageName, values, source.Label(index)));
            }
        }

        return images;
    }

    private static void RequireRange(string name, int[] values, InputDescription input)
    {
        foreach (int value in values)
        {
            if (value < input.Minimum || value > input.Maximum)
            {
                throw new PopcornException(
                    $"{name} holds the value {value}; the network takes {input.Minimum} to {input.Maximum}.");
            }
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

        throw new PopcornException($"--index {text} is neither a number nor a range such as 0-9.");
    }
}
