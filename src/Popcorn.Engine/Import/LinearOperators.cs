using Popcorn.Engine.Model;

namespace Popcorn.Engine.Import;

/// <summary>Convolutions and fully connected layers.</summary>
internal static class LinearOperators
{
    public static Signal Conv(OperatorCall call) =>
        Conv(call, call.SignalAt(0), call.ConstantAt(1), call.OptionalAt(2)?.Values);

    public static Signal Conv(OperatorCall call, Signal source, Constant weights, double[]? bias)
    {
        OnnxNode node = call.Node;
        Signal x = source.RequirePlane();
        (int outputs, int inputsPerGroup, int kernelY, int kernelX) = (weights.Dims, x.Dims.Length) switch
        {
            ([int o, int i, int length], 3) => (o, i, 1, length),
            ([int o, int i, int height, int width], 4) => (o, i, height, width),
            _ => throw new NodeException(
                $"its weights are {Dimensions.Describe(weights.Dims)} and it reads {Dimensions.Describe(x.Dims)}; only "
                + "one- and two-dimensional convolutions can be imported"),
        };
        if (node.Ints("kernel_shape") is { } kernel && !kernel.AsSpan().SequenceEqual(weights.Dims.AsSpan(2)))
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

        bias ??= new double[outputs];
        if (bias.Length != outputs)
        {
            throw new NodeException($"it has {bias.Length} biases for {outputs} outputs; the file is damaged");
        }

        Window window = OnnxWindow.Read(node, (kernelY, kernelX), x).Window;
        return x.Plane(Linear(call, x.Node, window, groups, weights.Values, bias));
    }

    public static Signal Gemm(OperatorCall call)
    {
        OnnxNode node = call.Node;
        Signal x = call.SignalAt(0);
        if (x.Dims.Length != 2 || x.Dims[0] != x.Batch)
        {
            throw new NodeException(
                $"it reads {Dimensions.Describe(x.Dims)} instead of N×features; flatten before it");
        }

        if (node.Flag("transA"))
        {
            throw new NodeException("its transA is set; feed it N×features");
        }

        Constant matrix = call.ConstantAt(1);
        if (matrix.Dims.Length == 2 && !node.Flag("transB"))
        {
            matrix = ConstantShapes.Transposed(matrix, [1, 0]);
        }

        double alpha = node.Float("alpha", 1), beta = node.Float("beta", 1);
        Signal product = Contracted(call, x, 1, matrix.Map(w => alpha * w));
        return call.OptionalAt(2) is { } bias
            ? ElementwiseOperators.Affine(call, product, Constant.Scalar(1), Row(bias, product).Map(b => beta * b))
            : product;
    }

    /// <summary>x·W along its last side, or W·x along the one before it.</summary>
    public static Signal MatMul(OperatorCall call) => call.Inputs switch
    {
        [Signal x, Constant matrix] => MatMul(call, x, matrix),
        [Constant matrix, Signal { Dims.Length: > 2 } x] =>
            Contracted(call, x, x.Dims.Length - 2, WithoutBatch(matrix)),
        [Signal, Signal] => throw new NodeException("it multiplies two values that depend on the input"),
        _ => throw new NodeException(
            "its first input is constant; the value that depends on the image must stand there"),
    };

    public static Signal MatMul(OperatorCall call, Signal x, Constant matrix)
    {
        if (matrix.Dims is [int inputs])
        {
            Signal column = Contracted(call, x, x.Dims.Length - 1, matrix.Reshaped(_ => [1, inputs]));
            return column.Reshaped(dims => dims[..^1]);
        }

        return Contracted(
            call, x, x.Dims.Length - 1, ConstantShapes.Transposed(WithoutBatch(matrix), [1, 0]));
    }

    /// <summary>A linear layer along a side: of all elements, or of the channels at each position.</summary>
    /// <param name="call">The node.</param>
    /// <param name="x">What it reads.</param>
    /// <param name="axis">The side.</param>
    /// <param name="weights">Outputs×inputs.</param>
    private static Signal Contracted(OperatorCall call, Signal x, int axis, Constant weights)
    {
        Shape shape = x.Node.Shape;
        if (axis < 0 || weights.Dims is not [int outputs, int inputs] || weights.Values.Length == 0
            || x.Dims[axis] != inputs)
        {
            throw new NodeException(
                $"its weights take {(weights.Dims is [_, int all] ? all : 0)} features and it reads "
                + $"{Dimensions.Describe(x.Dims)}; flatten before it");
        }

        bool isDense = inputs == shape.Size;
        int[] order = isDense ? x.Elements() : [];
        // The sides of a dense layer's input need no roles: all but the batch and this one are 1.
        Role[] roles = isDense
            ? [.. x.Dims.Select((side, i) => i == 0 && i != axis && side == x.Batch ? Role.Batch : Role.One)]
            : x.Roles;
        if (!isDense && roles[axis] != Role.Channel)
        {
            throw new NodeException(
                $"it multiplies along a side of {inputs} among {Dimensions.Describe(x.Dims)} that is neither the "
                + "channels nor all features; flatten before it");
        }

        roles[axis] = Role.Channel;
        double[] ordered = isDense ? Ordered(weights.Values, order) : weights.Values;
        Window window = isDense ? OnnxWindow.Whole(shape) : Window.Pointwise(shape.Height, shape.Width);
        return x.With(Linear(call, x.Node, window, 1, ordered, new double[outputs]), roles);
    }

    /// <summary>Weights of each output for the inputs as they lie.</summary>
    private static double[] Ordered(double[] weights, int[] order)
    {
        var result = new double[weights.Length];
        for (int i = 0; i < weights.Length; i++)
        {
            int input = i % order.Length;
            result[i - input + order[input]] = weights[i];
        }

        return result;
    }

    /// <summary>A bias without the side of the batch, which all images share.</summary>
    private static Constant Row(Constant bias, Signal product)
    {
        if (bias.Dims is not [> 1 and int rows, int columns] || rows != product.Batch)
        {
            return bias;
        }

        return bias.Values.Index().All(b => b.Item == bias.Values[b.Index % columns])
            ? new Constant([1, columns], bias.Values[..columns])
            : throw new NodeException("its bias differs between the images of a batch; export it for one image");
    }

    private static Constant WithoutBatch(Constant matrix) =>
        matrix.Dims is [.. int[] batch, int rows, int columns] && Array.TrueForAll(batch, side => side == 1)
            ? matrix.Reshaped(_ => [rows, columns])
            : throw new NodeException(
                $"its weights are {Dimensions.Describe(matrix.Dims)}; only a single matrix can be imported");

    public static FloatLinear Linear(
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
