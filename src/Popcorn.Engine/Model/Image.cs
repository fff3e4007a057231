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

    /// <summary>The integers of the image as a network takes it: in its size, its channels and their order.</summary>
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

    /// <summary>The same picture in another size, bilinear between the centres of the pixels.</summary>
    public Image Resize(int height, int width)
    {
        if (Shape.Height == height && Shape.Width == width)
        {
            return this;
        }

        var shape = new Shape(Shape.Channels, height, width);
        var values = new int[shape.Size];
        (int First, int Second, double Fraction)[] columns = Between(Shape.Width, width);
        (int First, int Second, double Fraction)[] rows = Between(Shape.Height, height);
        for (int channel = 0; channel < shape.Channels; channel++)
        {
            for (int y = 0; y < height; y++)
            {
                for (int x = 0; x < width; x++)
                {
                    double above = Mix(rows[y].First, columns[x]);
                    double below = Mix(rows[y].Second, columns[x]);
                    values[shape.Index(channel, y, x)] = (int)Math.Round(above + rows[y].Fraction * (below - above));
                }
            }

            double Mix(int row, (int First, int Second, double Fraction) column)
            {
                int left = Values[Shape.Index(channel, row, column.First)];
                return left + column.Fraction * (Values[Shape.Index(channel, row, column.Second)] - left);
            }
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

    /// <summary>For each pixel of a new side the two of the old one that it lies between.</summary>
    private static (int First, int Second, double Fraction)[] Between(int size, int newSize)
    {
        var result = new (int, int, double)[newSize];
        for (int i = 0; i < newSize; i++)
        {
            double at = Math.Clamp((i + 0.5) * size / newSize - 0.5, 0, size - 1);
            int first = (int)at;
            result[i] = (first, Math.Min(first + 1, size - 1), at - first);
        }

        return result;
    }
}
