using Popcorn.Engine;
using Popcorn.Engine.Model;

namespace Popcorn.Cli.Data;

/// <summary>Images with labels from another file.</summary>
internal sealed class LabelledImages : IImageSource
{
    private readonly IImageSource _images;
    private readonly byte[] _labels;

    public LabelledImages(IImageSource images, byte[] labels, string path)
    {
        if (labels.Length != images.Count)
        {
            throw new PopcornException(
                $"'{path}' has {labels.Length} labels for {images.Count} images. Name the labels of these images.");
        }

        _images = images;
        _labels = labels;
    }

    public int Count => _images.Count;

    public Shape Shape => _images.Shape;

    public bool IsResizable => _images.IsResizable;

    public int[] Read(int index) => _images.Read(index);

    public int? Label(int index) => _labels[index];

    Image IImageSource.ReadImage(int index) => _images.ReadImage(index);
}
