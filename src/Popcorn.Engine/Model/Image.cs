namespace Popcorn.Engine.Model;

/// <summary>One image.</summary>
/// <param name="Shape">Its channels, height and width.</param>
/// <param name="Values">Its samples, channel by channel (red, green, blue), row by row.</param>
public sealed record Image(Shape Shape, int[] Values)
{
    /// <summary>An image out of the bytes that decoders give: row by row, pixel by pixel.</summary>
    /// <param name="pixels">For each pixel a byte of each channel: gray, or red, green and blue.</param>
    /// <param name="channels">1 or 3; of four, those after the third are dropped.</param>
    /// <param name="height">Rows.</param>
    /// <param name="width">Pixels of a row.</param>
    /// <exception cref="ArgumentException">These are not as many bytes as the sizes say.</exception>
    public static Image FromPixels(ReadOnlySpan<byte> pixels, int channels, int height, int width)
    {
        var shape = new Shape(channels == 4 ? 3 : channels, height, width);
        if (channels is not (1 or 3 or 4) || !shape.IsValid || pixels.Length != (long)channels * height * width)
        {
            throw new ArgumentException(
                $"{pixels.Length} bytes are no {height} rows of {width} pixels of {channels} channels.",
                nameof(pixels));
        }

        var values = new int[shape.Size];
        for (int channel = 0; channel < shape.Channels; channel++)
        {
            for (int i = 0; i < shape.Area; i++)
            {
                values[(channel * shape.Area) + i] = pixels[(i * channels) + channel];
            }
        }

        return new Image(shape, values);
    }

    /// <summary>
    /// The integers of the image as a network takes it: in its size (see <see cref="Resize"/>), its channels and their
    /// order.
    /// </summary>
    /// <param name="input">What the network takes.</param>
    /// <param name="name">What to call it in messages.</param>
    /// <exception cref="PopcornException">It takes another number of channels.</exception>
    public int[] For(InputDescription input, string name = "The image")
    {
        ArgumentNullException.ThrowIfNull(input);
        Image fitted = Convert(input.Shape.Channels, name).Resize(input.Shape.Height, input.Shape.Width);
        return (input.Order == ChannelOrder.Bgr ? fitted.Reversed() : fitted).Values;
    }

    /// <summary>The same image with the wanted channels: gray by luma (ITU-R BT.601), or RGB by repetition.</summary>
    /// <param name="channels">1, 3, or 0 to leave it as it is.</param>
    /// <param name="name">What to call it in messages.</param>
    /// <exception cref="PopcornException">It has other channels, and these cannot be made of them.</exception>
    public Image Convert(int channels, string name = "The image")
    {
        if (channels == 0 || channels == Shape.Channels)
        {
            return this;
        }

        Shape shape = Shape with { Channels = channels };
        switch (Shape.Channels, channels)
        {
            case (1, 3):
                return new Image(shape, [.. Values, .. Values, .. Values]);
            case (3, 1):
                var gray = new int[Shape.Area];
                for (int i = 0; i < gray.Length; i++)
                {
                    int weighted = 299 * Values[i] + 587 * Values[gray.Length + i] + 114 * Values[2 * gray.Length + i];
                    gray[i] = (weighted + 500) / 1000;
                }

                return new Image(shape, gray);
            default:
                throw new PopcornException(
                    $"{name} has {Shape.Channels} channels and the network takes {channels}.");
        }
    }

    /// <summary>
    /// The same picture in another size: linear between the centres of the pixels where a side grows; where it shrinks,
    /// a mean of all that a pixel covers and of half as much on either side, the less the farther away, as training
    /// pipelines make it.
    /// </summary>
    public Image Resize(int height, int width)
    {
        if (Shape.Height == height && Shape.Width == width)
        {
            return this;
        }

        var shape = new Shape(Shape.Channels, height, width);
        var values = new int[shape.Size];
        (int First, long[] Weights, long Sum)[] columns = Sources(Shape.Width, width);
        (int First, long[] Weights, long Sum)[] rows = Sources(Shape.Height, height);
        for (int i = 0; i < values.Length; i++)
        {
            (int row, long[] down, long downSum) = rows[i / width % height];
            (int column, long[] across, long acrossSum) = columns[i % width];
            long sum = 0;
            for (int y = 0; y < down.Length; y++)
            {
                long line = 0;
                int begin = Shape.Index(i / shape.Area, row + y, column);
                for (int x = 0; x < across.Length; x++)
                {
                    line += across[x] * Values[begin + x];
                }

                sum += down[y] * line;
            }

            values[i] = (int)Math.Round((double)sum / (downSum * acrossSum));
        }

        return new Image(shape, values);
    }

    /// <summary>The picture as it was seen through a camera that was held in one of EXIF's eight ways.</summary>
    /// <param name="orientation">
    /// 1: upright; 2 mirrored, 3 turned by half, 4 both; 5 to 8: likewise, and rows are columns.
    /// </param>
    public Image Turned(int orientation)
    {
        const int Upright = 1;
        if (orientation == Upright)
        {
            return this;
        }

        bool isTransposed = orientation >= 5;
        bool fromBelow = orientation is 3 or 4 or 6 or 7;
        bool fromRight = orientation is 2 or 3 or 7 or 8;
        Shape shape = isTransposed ? new Shape(Shape.Channels, Shape.Width, Shape.Height) : Shape;
        var values = new int[shape.Size];
        for (int i = 0; i < values.Length; i++)
        {
            int y = i / shape.Width % shape.Height;
            int x = i % shape.Width;
            (y, x) = isTransposed ? (x, y) : (y, x);
            values[i] = Values[Shape.Index(
                i / shape.Area, fromBelow ? Shape.Height - 1 - y : y, fromRight ? Shape.Width - 1 - x : x)];
        }

        return new Image(shape, values);
    }

    /// <summary>The channels in reverse order.</summary>
    public Image Reversed() =>
        new(Shape, [.. Enumerable.Range(0, Shape.Channels).Reverse().SelectMany(
            channel => Values.AsSpan(channel * Shape.Area, Shape.Area).ToArray())]);

    /// <summary>
    /// For each pixel of a new side the neighbours of the old one that it is mixed of, by whole weights: as many as the
    /// distance to its centre leaves of a reach of one pixel, old or new, whichever is longer. Lengths are in parts of
    /// 1 / (2 * <paramref name="newSize"/>) of an old pixel.
    /// </summary>
    private static (int First, long[] Weights, long Sum)[] Sources(int size, int newSize)
    {
        var sources = new (int, long[], long)[newSize];
        long step = 2L * newSize, reach = 2L * Math.Max(size, newSize);
        for (int i = 0; i < newSize; i++)
        {
            long centre = (2L * i + 1) * size;
            int first = (int)Math.Max(0, (centre - reach) / step);
            int last = (int)Math.Min(size - 1, (centre + reach) / step);
            long[] weights = [.. Enumerable.Range(first, last + 1 - first).Select(
                pixel => Math.Max(0, reach - Math.Abs((pixel * step) + newSize - centre)))];
            sources[i] = (first, weights, weights.Sum());
        }

        return sources;
    }
}
