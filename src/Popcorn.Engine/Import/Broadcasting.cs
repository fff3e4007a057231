using Popcorn.Engine.Model;

namespace Popcorn.Engine.Import;

/// <summary>Spreads constants over signals, by ONNX's rules of broadcasting.</summary>
internal sealed class Broadcasting
{
    /// <summary>
    /// Most numbers that the constants of a network may be spread out to: a small file must not ask for more memory
    /// than its network deserves.
    /// </summary>
    private const long MostSpread = 1L << 26;

    private long _spread;

    /// <summary>
    /// A constant as it meets a signal: one number for each channel where it is the same over every plane, else one for
    /// each element, as they lie.
    /// </summary>
    public double[] Spread(Constant constant, Signal x)
    {
        Shape shape = x.Node.Shape;
        int[] steps = StepsOf(constant, x);
        int[] axes = [.. Enumerable.Range(0, steps.Length).Where(i => steps[i] != 0)];
        if (axes.Length == 0)
        {
            return [.. Enumerable.Repeat(constant.Values[0], shape.Channels)];
        }

        if (axes is [int axis] && x.Layout.RolesOver(x.Batch, shape)?[axis] == Role.Channel)
        {
            return [.. constant.Values];
        }

        _spread += shape.Size;
        if (_spread > MostSpread)
        {
            throw new NodeException("the constants of element-wise operators up to here are more than can be imported");
        }

        var result = new double[shape.Size];
        int[] elements = x.Elements();
        for (int i = 0; i < result.Length; i++)
        {
            result[elements[i]] = constant.Values[Dimensions.Offset(i, x.Dims, steps)];
        }

        return Enumerable.Range(0, result.Length).All(i => result[i].Equals(result[i / shape.Area * shape.Area]))
            ? [.. Enumerable.Range(0, shape.Channels).Select(c => result[c * shape.Area])]
            : result;
    }

    /// <summary>Two spread constants, both for each element where one of them is.</summary>
    public static (double[] First, double[] Second) Pair(double[] first, double[] second, Shape shape) =>
        first.Length == second.Length
            ? (first, second)
            : (PerElement(first, shape), PerElement(second, shape));

    private static double[] PerElement(double[] values, Shape shape) => values.Length == shape.Size
        ? values
        : [.. Enumerable.Range(0, shape.Size).Select(i => values[i / shape.Area])];

    /// <summary>How far to go in a constant for a step along each side of a signal; 0 where it is repeated.</summary>
    private static int[] StepsOf(Constant constant, Signal x)
    {
        int[] dims = x.Dims;
        int[] steps = new int[dims.Length];
        int step = 1;
        for (int i = 1; i <= constant.Dims.Length; i++)
        {
            int side = constant.Dims[^i];
            bool isBatch = i == dims.Length && dims[0] == x.Batch && (x.Batch > 1 || x.HasOpenBatch);
            if (side != 1 && (i > dims.Length || isBatch || side != dims[^i]))
            {
                throw new NodeException(
                    $"its constant of {Dimensions.Describe(constant.Dims)} does not fit {Dimensions.Describe(dims)}"
                    + (isBatch ? " image by image" : "") + "; use one for each channel or one for all");
            }

            if (side != 1)
            {
                steps[^i] = step;
                step = checked(step * side);
            }
        }

        return steps;
    }
}
