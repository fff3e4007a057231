using Popcorn.Engine.Model;

namespace Popcorn.Cli.Data;

/// <summary>Images of one shape, with their classes where these are known. Safe for several threads.</summary>
public interface IImageSource
{
    /// <summary>Number of images.</summary>
    int Count { get; }

    /// <summary>Shape of every image.</summary>
    Shape Shape { get; }

    /// <summary>Whether they are pictures, which may be resized; data sets may not.</summary>
    bool IsResizable => false;

    /// <summary>An image, channel by channel, row by row; 0…255 except for arrays that hold other integers.</summary>
    /// <exception cref="Popcorn.Engine.PopcornException">The image cannot be read.</exception>
    int[] Read(int index);

    /// <summary>An image by itself: of pictures each has a shape of its own.</summary>
    /// <exception cref="Popcorn.Engine.PopcornException">The image cannot be read.</exception>
    internal Image ReadImage(int index) => new(Shape, Read(index));

    /// <summary>The class of an image; null where it is not known.</summary>
    int? Label(int index);
}
