using Popcorn.Engine.Model;

namespace Popcorn.Cli.Data;

/// <summary>Images that are in memory already.</summary>
internal sealed class ArrayImages : IImageSource
{
    private readonly IReadOnlyList<Image> _images;

    /// <param name="path">Where they came from, for messages.</param>
    /// <param name="images">At least one image.</param>
    public ArrayImages(string path, IReadOnlyList<Image> images)
    {
        if (images.Count == 0)
        {
            throw ImageSources.WithoutElements(path);
        }

        _images = images;
    }

    public int Count => _images.Count;

    public Shape Shape => _images[0].Shape;

    public int[] Read(int index) => _images[index].Values;

    public int? Label(int index) => null;
}
