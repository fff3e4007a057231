using Popcorn.Engine.Import;
using Popcorn.Engine.Model;

namespace Popcorn.Engine.Tests.Import;

/// <summary>Images of soft shapes and noise, anywhere within an input's range.</summary>
internal static class RandomImages
{
    /// <summary>Rows and columns of the coarse picture that the soft shapes are drawn from.</summary>
    private const int Coarse = 4;

    public static int[][] Draw(InputDescription input, int count, int seed)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, count).Select(_ => Draw(input, random))];
    }

    /// <summary>What a network in floating point is given for an image.</summary>
    public static double[] ToReal(int[] image, ImportOptions options)
    {
        return [.. image.Select((x, i) =>
            (x * options.InputScale - Of(options.InputMeans, i, 0)) / Of(options.InputDeviations, i, 1))];

        double Of(IReadOnlyList<double> perChannel, int i, double otherwise) => perChannel.Count == 0
            ? otherwise
            : perChannel[(int)((long)i * perChannel.Count / image.Length)];
    }

    private static int[] Draw(InputDescription input, Random random)
    {
        Shape shape = input.Shape;
        double noise = 0.5 * random.NextDouble();
        double contrast = 0.5 + random.NextDouble();
        var image = new List<int>(shape.Size);
        for (int channel = 0; channel < shape.Channels; channel++)
        {
            double[] coarse =
                [.. Enumerable.Range(0, (Coarse + 1) * (Coarse + 1)).Select(_ => random.NextDouble())];
            for (int y = 0; y < shape.Height; y++)
            {
                for (int x = 0; x < shape.Width; x++)
                {
                    double soft = Between(coarse, (double)y / shape.Height, (double)x / shape.Width);
                    double value = 0.5 + contrast * (soft - 0.5) + noise * (random.NextDouble() - 0.5);
                    image.Add((int)Math.Round(
                        input.Minimum + Math.Clamp(value, 0, 1) * ((double)input.Maximum - input.Minimum)));
                }
            }
        }

        return [.. image];
    }

    /// <summary>Bilinear.</summary>
    private static double Between(double[] coarse, double down, double across)
    {
        (int row, double y) = ((int)(down * Coarse), down * Coarse % 1);
        (int column, double x) = ((int)(across * Coarse), across * Coarse % 1);
        return At(0, 0) * (1 - y) * (1 - x) + At(0, 1) * (1 - y) * x + At(1, 0) * y * (1 - x) + At(1, 1) * y * x;

        double At(int below, int right) => coarse[(row + below) * (Coarse + 1) + column + right];
    }
}
