using Popcorn.Engine.Model;

namespace Popcorn.Engine.Import;

/// <summary>
/// Images to measure a network on where no real ones are at hand: every second one smooth at all sizes, as photographs
/// are, the others noise, or a few strokes on a flat ground, as digits are. Always the same ones.
/// </summary>
internal static class GeneratedImages
{
    /// <summary>Images by default.</summary>
    public const int Count = 16;

    private const int Seed = 20_011;

    /// <summary>Least share of the range that an image's contrast spans.</summary>
    private const double LeastContrast = 0.3;

    /// <summary>Makes images.</summary>
    /// <param name="input">Their shape and range.</param>
    /// <param name="count">How many.</param>
    public static IReadOnlyList<int[]> Of(InputDescription input, int count = Count)
    {
        var images = new int[count][];
        for (int i = 0; i < count; i++)
        {
            var random = new Random(Seed + i);
            double[] image = (i % 4) switch
            {
                1 => Noise(input.Shape, random),
                3 => Strokes(input.Shape, random),
                _ => Smooth(input.Shape, random),
            };
            double span = (double)input.Maximum - input.Minimum;
            images[i] = Array.ConvertAll(
                image, x => (int)(input.Minimum + Math.Round(Math.Clamp(x, 0, 1) * span)));
        }

        return images;
    }

    /// <summary>A vector's elements are taken for neighbours on a line.</summary>
    private static Shape PlanesOf(Shape shape) => shape.Area == 1 ? new Shape(1, 1, shape.Channels) : shape;

    private static double[] Noise(Shape shape, Random random)
    {
        var image = new double[shape.Size];
        for (int i = 0; i < image.Length; i++)
        {
            image[i] = random.NextDouble();
        }

        return image;
    }

    /// <summary>
    /// Octaves of smooth noise, finer ones a little weaker: brightness that all channels share, and a little of each
    /// channel's own.
    /// </summary>
    private static double[] Smooth(Shape shape, Random random)
    {
        const double ownShare = 0.3;
        Shape planes = PlanesOf(shape);
        var image = new double[planes.Size];
        double[] shared = Octaves(planes, random);
        double contrast = Contrast(random), brightness = 0.2 + 0.6 * random.NextDouble();
        for (int channel = 0; channel < planes.Channels; channel++)
        {
            double[] own = Octaves(planes, random);
            double cast = brightness + ownShare * (random.NextDouble() - 0.5);
            for (int i = 0; i < planes.Area; i++)
            {
                image[channel * planes.Area + i] =
                    cast + contrast * ((1 - ownShare) * shared[i] + ownShare * own[i]);
            }
        }

        return image;
    }

    private static double[] Octaves(Shape plane, Random random)
    {
        const double decay = 0.75;
        var sum = new double[plane.Area];
        double amplitude = 1, squares = 0;
        for (int size = Math.Max(plane.Height, plane.Width); size >= 1; size /= 2)
        {
            AddNoise(sum, plane, size, amplitude, random);
            squares += amplitude * amplitude;
            amplitude *= decay;
        }

        return Array.ConvertAll(sum, x => x / Math.Sqrt(squares));
    }

    /// <summary>Adds noise on a grid of some mesh, interpolated between its nodes.</summary>
    private static void AddNoise(double[] sum, Shape plane, int mesh, double amplitude, Random random)
    {
        int columns = plane.Width / mesh + 2, rows = plane.Height / mesh + 2;
        double[] grid = [.. Enumerable.Range(0, rows * columns).Select(_ => amplitude * (2 * random.NextDouble() - 1))];
        for (int y = 0; y < plane.Height; y++)
        {
            (int row, double below) = (y / mesh, y % mesh / (double)mesh);
            for (int x = 0; x < plane.Width; x++)
            {
                (int column, double right) = (x / mesh, x % mesh / (double)mesh);
                int at = row * columns + column;
                double above = double.Lerp(grid[at], grid[at + 1], right);
                sum[y * plane.Width + x] +=
                    double.Lerp(above, double.Lerp(grid[at + columns], grid[at + columns + 1], right), below);
            }
        }
    }

    /// <summary>Lines of one colour on a ground of another; half of the grounds are the least of the range.</summary>
    private static double[] Strokes(Shape shape, Random random)
    {
        const int mostStrokes = 6;
        Shape planes = PlanesOf(shape);
        double[] ink = new double[planes.Area];
        double size = Math.Max(planes.Height, planes.Width);
        double thickness = Math.Max(0.5, size * (0.02 + 0.06 * random.NextDouble()));
        int strokes = 1 + random.Next(mostStrokes);
        (double Y, double X) from = Anywhere(planes, random);
        for (int i = 0; i < strokes; i++)
        {
            (double Y, double X) to = Anywhere(planes, random);
            Draw(ink, planes, from, to, thickness);
            from = to;
        }

        var image = new double[planes.Size];
        bool isDark = random.Next(2) == 0;
        for (int channel = 0; channel < planes.Channels; channel++)
        {
            double ground = isDark ? 0 : random.NextDouble(), line = Contrast(random);
            for (int i = 0; i < planes.Area; i++)
            {
                image[channel * planes.Area + i] = double.Lerp(ground, line, ink[i]);
            }
        }

        return image;
    }

    /// <summary>Fills what lies within half the thickness of a line, with an edge of one element.</summary>
    private static void Draw(
        double[] ink, Shape plane, (double Y, double X) from, (double Y, double X) to, double thickness)
    {
        double dy = to.Y - from.Y, dx = to.X - from.X, squared = Math.Max(dy * dy + dx * dx, double.Epsilon);
        for (int i = 0; i < ink.Length; i++)
        {
            double y = i / plane.Width - from.Y, x = i % plane.Width - from.X;
            double along = Math.Clamp((y * dy + x * dx) / squared, 0, 1);
            double distance = double.Hypot(y - along * dy, x - along * dx);
            ink[i] = Math.Max(ink[i], Math.Clamp(thickness / 2 + 0.5 - distance, 0, 1));
        }
    }

    private static (double Y, double X) Anywhere(Shape plane, Random random) =>
        (random.NextDouble() * plane.Height, random.NextDouble() * plane.Width);

    private static double Contrast(Random random) => LeastContrast + (1 - LeastContrast) * random.NextDouble();
}
