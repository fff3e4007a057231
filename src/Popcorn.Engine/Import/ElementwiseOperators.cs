namespace Popcorn.Engine.Import;

/// <summary>Sums, scales and shifts, and squares.</summary>
internal static class ElementwiseOperators
{
    private static readonly Constant Zero = Constant.Scalar(0);
    private static readonly Constant One = Constant.Scalar(1);

    public static Signal BatchNormalization(OperatorCall call)
    {
        Signal x = call.SignalAt(0);
        OnnxNode node = call.Node;
        // Exporters of the oldest operator sets leave is_test out although they mean it.
        bool trains = node.Flag("training_mode")
            || (node.OperatorSet < 7 && node.Attribute("is_test") is { I: 0 })
            || (node.OperatorSet is >= 7 and < 14 && node.Outputs.Count(name => name.Length > 0) > 1);
        if (trains)
        {
            throw new NodeException("it is in training mode; export the network for inference");
        }

        if (node.OperatorSet < 9 && node.Int("spatial", 1) == 0)
        {
            throw new NodeException("its spatial is 0, statistics for each position; only those of channels are read");
        }

        double epsilon = node.Float("epsilon", 1e-5f);
        double[] gamma = call.ConstantAt(1).Values;
        double[] beta = call.ConstantAt(2).Values;
        double[] mean = call.ConstantAt(3).Values;
        double[] variance = call.ConstantAt(4).Values;
        int channels = x.Dims.Length >= 2 ? x.Dims[1] : 0;
        if (channels == 0 || new[] { gamma, beta, mean, variance }.Any(p => p.Length != channels))
        {
            throw new NodeException($"its parameters do not fit the {channels} channels it reads; the file is damaged");
        }

        double[] scale = [.. gamma.Zip(variance, (g, v) => g / Math.Sqrt(v + epsilon))];
        double[] shift = [.. beta.Zip(mean, scale).Select(p => p.First - p.Third * p.Second)];
        int[] sides = [channels, .. Enumerable.Repeat(1, x.Dims.Length - 2)];
        return Affine(call, x, new Constant(sides, scale), new Constant(sides, shift));
    }

    public static Signal Add(OperatorCall call) => call.Inputs.Length == 2 ? Sum(call) : throw NotTwo();

    public static Signal Sub(OperatorCall call) => call.Inputs switch
    {
        [var left, Signal right] => Sum(call, left, right.Scaled(call.Name, -1, 0)),
        [var left, Constant c] => Sum(call, left, c.Map(v => -v)),
        _ => throw NotTwo(),
    };

    public static Signal Mul(OperatorCall call) => call.Inputs switch
    {
        [Signal left, Signal right] when left.Node == right.Node && left.Layout.IsSameAs(right.Layout) =>
            left.Same(new FloatSquare(call.Name, left.Node)),
        [Signal left, Signal right] =>
            Curves.Combine(call, (a, b) => a * b, left, right) ?? throw TwoSignals(),
        [Signal x, Constant c] => Affine(call, x, c, Zero),
        [Constant c, Signal x] => Affine(call, x, c, Zero),
        _ => throw NotTwo(),
    };

    public static Signal Div(OperatorCall call) => call.Inputs switch
    {
        [Signal left, Signal right] => Curves.Combine(call, (a, b) => a / b, left, right) ?? throw TwoSignals(),
        [Signal x, Constant c] => Quotient(call, x, c),
        [Constant { Values: [double dividend] }, Signal x] => Curves.Of(call, x, v => dividend / v),
        [Constant, Signal] => throw new NodeException("it divides by a value that depends on the input"),
        _ => throw NotTwo(),
    };

    public static Signal Sum(OperatorCall call)
    {
        GraphValue sum = call.Inputs[0];
        foreach (GraphValue next in call.Inputs.Skip(1))
        {
            sum = (sum, next) is (Constant a, Constant b)
                ? ConstantFolding.Combine(a, b, (u, v) => u + v)
                : Sum(call, sum, next);
        }

        return (Signal)sum;
    }

    public static Signal Mean(OperatorCall call) => Sum(call).Scaled(call.Name, 1.0 / call.Inputs.Length, 0);

    public static Signal Neg(OperatorCall call) => call.SignalAt(0).Scaled(call.Name, -1, 0);

    public static Signal Pow(OperatorCall call)
    {
        Signal x = call.SignalAt(0);
        double exponent = call.ConstantAt(1).Single;
        return exponent switch
        {
            1 => x,
            2 => x.Same(new FloatSquare(call.Name, x.Node)),
            _ => Curves.Of(call, x, v => Math.Pow(v, exponent)),
        };
    }

    /// <summary>x·scale + shift by constants that are broadcast.</summary>
    public static Signal Affine(OperatorCall call, Signal x, Constant scale, Constant shift)
    {
        int rank = Math.Max(scale.Dims.Length, shift.Dims.Length);
        if (rank > x.Dims.Length)
        {
            x = x.Reshaped(dims => [.. Enumerable.Repeat(1, rank - dims.Length), .. dims]);
        }

        (double[] scales, double[] shifts) = Broadcasting.Pair(
            call.Spread(scale, x), call.Spread(shift, x), x.Node.Shape);
        NodeException.ThrowIfNotFinite(scales, shifts);
        return x.Same(new FloatAffine(call.Name, x.Node, scales, shifts));
    }

    /// <summary>A sum of two, of which one may be constant.</summary>
    public static Signal Sum(OperatorCall call, GraphValue first, GraphValue second) => (first, second) switch
    {
        (Signal left, Signal right) => Sum(call, left, right),
        (Signal x, Constant c) => Affine(call, x, One, c),
        (Constant c, Signal x) => Affine(call, x, One, c),
        _ => throw new NodeException("one of its inputs is missing; the file is damaged"),
    };

    private static Signal Sum(OperatorCall call, Signal left, Signal right) =>
        left.Node.Shape == right.Node.Shape && left.Layout.IsSameAs(right.Layout)
            ? left.Same(new FloatAdd(call.Name, left.Node, right.Node))
            : throw new NodeException(
                $"it adds {Dimensions.Describe(left.Dims)} and {Dimensions.Describe(right.Dims)}; both must have one "
                + "shape and one order of their elements");

    private static Signal Quotient(OperatorCall call, Signal x, Constant divisor)
    {
        Signal quotient = Affine(call, x, divisor.Map(v => 1 / v), Zero);
        return x.Type.IsInteger() ? StepOperators.Truncated(call, quotient, x.Type) : quotient;
    }

    private static NodeException NotTwo() => new("it has not two inputs; the file is damaged");

    private static NodeException TwoSignals() => new(
        "it multiplies or divides two values that depend on the input, which is not supported; only sums of "
        + "branches are, and functions of a single value");
}
