namespace Popcorn.Engine.Compression;

/// <summary>
/// Rounds the weights of a linear layer so that its outputs change least on sample data, rather than each weight: one
/// weight after the other, and what rounding it adds to the output is taken back, as well as inputs that go together
/// allow, by the weights that are not rounded yet (the error feedback of OPTQ; Frantar and others, 2022).
/// </summary>
internal sealed class CalibratedRounding
{
    /// <summary>Added to variances, as a share of their mean: sample data does not tell all.</summary>
    private const double Damping = 0.01;

    private readonly int _first;
    private readonly double[][] _covariances;
    private readonly double[][] _feedback; // upper factor of the inverse

    private CalibratedRounding(int first, double[][] covariances)
    {
        _first = first;
        _covariances = covariances;
        double damping = Damping * covariances.Select((row, i) => row[i]).Average();
        double[][] damped = [.. covariances.Select(row => (double[])row.Clone())];
        for (int i = 0; i < damped.Length; i++)
        {
            damped[i][i] += damping > 0 ? damping : 1;
        }

        _feedback = Transposed(LowerFactor(Inverse(LowerFactor(damped))));
    }

    /// <summary>Roundings for the blocks of a group's inputs.</summary>
    public static CalibratedRounding[] For(LayerInputs inputs) =>
        [.. inputs.Blocks.Select(block => new CalibratedRounding(
            block.First, inputs.Covariances(block.First, block.End)))];

    /// <summary>
    /// Rounds a row where that lessens its error; zero weights stay zero, others within the magnitude of the largest.
    /// </summary>
    /// <param name="weights">The row's weights, in steps.</param>
    /// <param name="rounded">The nearest integers; receives better ones.</param>
    /// <param name="keepsAll">Whether weights that are not zero must not become zero.</param>
    public void Round(ReadOnlySpan<double> weights, Span<int> rounded, bool keepsAll)
    {
        int largest = 0;
        foreach (int weight in rounded)
        {
            largest = Math.Max(largest, Math.Abs(weight));
        }

        weights = weights.Slice(_first, _feedback.Length);
        rounded = rounded.Slice(_first, _feedback.Length);
        double[] rest = weights.ToArray();
        var better = new int[rest.Length];
        for (int i = 0; i < rest.Length; i++)
        {
            if (weights[i] != 0)
            {
                better[i] = (int)Math.Clamp(Math.Round(rest[i]), -largest, largest);
                better[i] = better[i] == 0 && keepsAll ? Math.Sign(weights[i]) : better[i];
            }

            double error = (rest[i] - better[i]) / _feedback[i][i];
            for (int j = i; j < rest.Length; j++)
            {
                rest[j] -= error * _feedback[i][j];
            }
        }

        if (ErrorOf(weights, better) < ErrorOf(weights, rounded))
        {
            better.CopyTo(rounded);
        }
    }

    /// <summary>Variance that rounding adds to the output on the sample data.</summary>
    internal double ErrorOf(ReadOnlySpan<double> weights, ReadOnlySpan<int> rounded)
    {
        var errors = new double[weights.Length];
        for (int i = 0; i < errors.Length; i++)
        {
            errors[i] = weights[i] - rounded[i];
        }

        double sum = 0;
        for (int i = 0; i < errors.Length; i++)
        {
            sum += errors[i] == 0 ? 0 : errors[i] * LayerInputs.Dot(_covariances[i], errors);
        }

        return sum;
    }

    /// <summary>Cholesky's factor L of a positive definite matrix: L·Lᵀ.</summary>
    private static double[][] LowerFactor(double[][] matrix)
    {
        int n = matrix.Length;
        double[][] factor = [.. Enumerable.Range(0, n).Select(_ => new double[n])];
        for (int column = 0; column < n; column++)
        {
            ReadOnlySpan<double> above = factor[column].AsSpan(0, column);
            double pivot = Math.Sqrt(matrix[column][column] - LayerInputs.Dot(above, above));
            factor[column][column] = pivot;
            int c = column;
            Parallel.For(c + 1, n, row => factor[row][c] =
                (matrix[row][c] - LayerInputs.Dot(factor[row].AsSpan(0, c), factor[c].AsSpan(0, c))) / pivot);
        }

        return factor;
    }

    /// <summary>The inverse of L·Lᵀ.</summary>
    private static double[][] Inverse(double[][] lower)
    {
        int n = lower.Length;
        // Row c: column c of the inverse of L, which is zero before its element c.
        double[][] columns = [.. Enumerable.Range(0, n).Select(_ => new double[n])];
        Parallel.For(0, n, c =>
        {
            double[] x = columns[c];
            x[c] = 1 / lower[c][c];
            for (int row = c + 1; row < n; row++)
            {
                x[row] = -LayerInputs.Dot(lower[row].AsSpan(c, row - c), x.AsSpan(c, row - c)) / lower[row][row];
            }
        });
        double[][] inverse = [.. Enumerable.Range(0, n).Select(_ => new double[n])];
        Parallel.For(0, n, row =>
        {
            for (int column = 0; column <= row; column++)
            {
                inverse[row][column] = LayerInputs.Dot(columns[row].AsSpan(row), columns[column].AsSpan(row));
            }
        });
        return inverse;
    }

    private static double[][] Transposed(double[][] matrix) =>
        [.. Enumerable.Range(0, matrix.Length).Select(column => Array.ConvertAll(matrix, row => row[column]))];
}
