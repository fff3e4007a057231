using Popcorn.Engine.Model;

namespace Popcorn.Cli.Data;

/// <summary>Images in the size and with the order of channels that a network takes.</summary>
internal sealed class FittedImages(IImageSource images, InputDescription input) : IImageSource
{
    public int Count => images.Count;

    public Shape Shape => input.Shape;

    public int[] Read(int index) => new Image(images.Shape, images.Read(index)).For(input);

    public int? Label(int index) => images.Label(index);
}
