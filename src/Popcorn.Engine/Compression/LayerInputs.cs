using System.Numerics;

namespace Popcorn.Engine.Compression;

/// <summary>
/// What the windows of a linear layer saw on sample data: one patch for each window, all of one group, in the order of
/// the layer's weights.
/// </summary>
internal sealed class LayerInputs
{
    /// <summary>
    /// Inputs whose covariances are taken together. Beyond that the cubic cost of a layer's covariances outgrows their
    /// use; blocks are taken as independent of each other.
    /// </summary>
    private const int MostTogether = 768;

    private readonly double[][] _patches; // [input][patch], centred

    private LayerInputs(double[][] patches, double[] means)
    {
        _patches = patches;
        Means = means;
    }

    /// <summary>Mean of each input.</summary>
    public double[] Means { get; }

    /// <summary>Number of inputs.</summary>
    public int Count => Means.Length;

    /// <summary>Ranges of inputs that are taken together: first and end of each.</summary>
    public IEnumerable<(int First, int End)> Blocks
    {
        get
        {
            for (int first = 0; first < Count; first += MostTogether)
            {
                yield return (first, Math.Min(first + MostTogether, Count));
            }
        }
    }

    /// <summary>Takes patches, [patch][input].</summary>
    public static LayerInputs Of(IReadOnlyList<double[]> patches)
    {
        int count = patches[0].Length;
        var means = new double[count];
        var byInput = new double[count][];
        Parallel.For(0, count, input =>
        {
            var values = new double[patches.Count];
            for (int patch = 0; patch < values.Length; patch++)
            {
                values[patch] = patches[patch][input];
            }

            double mean = means[input] = values.Average();
            for (int patch = 0; patch < values.Length; patch++)
            {
                values[patch] -= mean;
            }

            byInput[input] = values;
        });
        return new LayerInputs(byInput, means);
    }

    /// <summary>Covariances of a block of inputs, a full symmetric matrix.</summary>
    public double[][] Covariances(int first, int end)
    {
        var matrix = new double[end - first][];
        Parallel.For(0, matrix.Length, row =>
        {
            matrix[row] = new double[matrix.Length];
            for (int column = 0; column <= row; column++)
            {
                matrix[row][column] = Dot(_patches[first + row], _patches[first + column]) / _patches[first].Length;
            }
        });
        for (int row = 0; row < matrix.Length; row++)
        {
            for (int column = row + 1; column < matrix.Length; column++)
            {
                matrix[row][column] = matrix[column][row];
            }
        }

        return matrix;
    }

    /// <summary>Sum of products.</summary>
    public static double Dot(ReadOnlySpan<double> left, ReadOnlySpan<double> right)
    {
        Vector<double> sums = Vector<double>.Zero;
        int i = 0;
        for (; i <= left.Length - Vector<double>.Count; i += Vector<double>.Count)
        {
            sums += new Vector<double>(left[i..]) * new Vector<double>(right[i..]);
        }

        double sum = Vector.Sum(sums);
        for (; i < left.Length; i++)
        {
            sum += left[i] * right[i];
        }

        return sum;
    }
}
