using Popcorn.Engine.Model;

namespace Popcorn.Engine.Import;

/// <summary>Convolutions and fully connected layers.</summary>
internal static class LinearOperators
{
    public static Signal Conv(OperatorCall call)
    {
        OnnxNode node = call.Node;
        Signal x = call.SignalAt(0).RequirePlane();
        Constant weights = call.ConstantAt(1);
        if (weights.Dims is not [int outputs, int inputsPerGroup, int kernelY, int kernelX])
        {
            throw new NodeException(
                "its weights have not four sides; only two-dimensional convolutions can be imported");
        }

        if (node.Ints("kernel_shape") is { } kernel && !kernel.AsSpan().SequenceEqual([kernelY, kernelX]))
        {
            throw new NodeException("its kernel_shape differs from its weights' shape; the file is damaged");
        }

        int groups = node.Int("group", 1);
        if (groups < 1 || outputs < 1 || outputs % groups != 0
            || (long)groups * inputsPerGroup != x.Node.Shape.Channels)
        {
            throw new NodeException(
                $"{groups} groups of {inputsPerGroup} input channels and {outputs} output channels do not fit the "
                + $"{x.Node.Shape.Channels} channels it reads; the file is damaged");
        }

        Window window = OnnxWindow.Read(node, (kernelY, kernelX), x.Node.Shape).Window;
        return x.Plane(Linear(call, x.Node, window, groups, weights.Values, Bias(call, outputs)));
    }

    public static Signal Gemm(OperatorCall call)
    {
        OnnxNode node = call.Node;
        Signal x = call.SignalAt(0).RequireVector();
        if (node.Flag("transA"))
        {
            throw new NodeException("its transA is set; feed it N×features");
        }

        double alpha = node.Float("alpha", 1), beta = node.Float("beta", 1);
        (double[] weights, int outputs) = Matrix(x, call.ConstantAt(1), node.Flag("transB"));
        double[] bias = Bias(call, outputs);
        return Dense(call, x, Array.ConvertAll(weights, w => alpha * w), Array.ConvertAll(bias, b => beta * b));
    }

    public static Signal MatMul(OperatorCall call)
    {
        Signal x = call.SignalAt(0).RequireVector();
        (double[] weights, int outputs) = Matrix(x, call.ConstantAt(1), transposed: false);
        return Dense(call, x, weights, new double[outputs]);
    }

    /// <summary>Weights as [output][input], whichever way the file holds them.</summary>
    private static (double[] Weights, int Outputs) Matrix(Signal x, Constant matrix, bool transposed)
    {
        int features = x.Node.Shape.Size;
        if (matrix.Dims is not [int rows, int columns] || (transposed ? columns : rows) != features
            || matrix.Values.Length == 0)
        {
            throw new NodeException(
                $"its weights are {Dimensions.Describe(matrix.Dims)} and it reads {features} features; the file is "
                + "damaged");
        }

        if (transposed)
        {
            return (matrix.Values, rows);
        }

        var weights = new double[matrix.Values.Length];
        for (int row = 0; row < rows; row++)
        {
            for (int column = 0; column < columns; column++)
            {
                weights[column * rows + row] = matrix.Values[row * columns + column];
            }
        }

        return (weights, columns);
    }

    private static double[] Bias(OperatorCall call, int outputs) => call.OptionalAt(2)?.Values switch
    {
        null => new double[outputs],
        [double bias] => [.. Enumerable.Repeat(bias, outputs)],
        { } bias when bias.Length == outputs => bias,
        { } bias => throw new NodeException($"it has {bias.Length} biases for {outputs} outputs; the file is damaged"),
    };

    private static Signal Dense(OperatorCall call, Signal x, double[] weights, double[] bias) =>
        x.Vector(Linear(call, x.Node, OnnxWindow.Whole(x.Node.Shape), 1, weights, bias));

    private static FloatLinear Linear(
        OperatorCall call, FloatNode source, Window window, int groups, double[] weights, double[] bias)
    {
        NodeException.ThrowIfNotFinite(weights, bias);
        var output = new Shape(bias.Length, window.OutputHeight, window.OutputWidth);
        if (!output.IsValid || !window.IsValid || weights.Length > NetworkValidator.MaxWeights)
        {
            throw new NodeException(
                $"its output of {output} or its {weights.Length} weights are more than can be evaluated");
        }

        // Copies: layers may share an initializer, and pruning changes weights in place.
        return new FloatLinear(call.Name, source, window, groups, [.. weights], [.. bias]);
    }
}
