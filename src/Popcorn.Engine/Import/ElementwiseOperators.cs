namespace Popcorn.Engine.Import;

/// <summary>Sums, scales and shifts, and squares.</summary>
internal static class ElementwiseOperators
{
    private static readonly Constant Zero = Constant.Scalar(0);
    private static readonly Constant One = Constant.Scalar(1);

    public static Signal BatchNormalization(OperatorCall call)
    {
        Signal x = call.SignalAt(0);
        if (call.Node.Flag("training_mode"))
        {
            throw new NodeException("it is in training mode; export the network for inference");
        }

        double epsilon = call.Node.Float("epsilon", 1e-5f);
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

    public static Signal Add(OperatorCall call) => call.Inputs switch
    {
        [Signal left, Signal right] => Sum(call, left, right),
        [Signal x, Constant c] => Affine(call, x, One, c),
        [Constant c, Signal x] => Affine(call, x, One, c),
        _ => throw NotTwo(),
    };

    public static Signal Sub(OperatorCall call) => call.Inputs switch
    {
        [Signal left, Signal right] => Sum(call, left, right.Scaled(call.Name, -1, 0)),
        [Signal x, Constant c] => Affine(call, x, One, c.Map(v => -v)),
        [Constant c, Signal x] => Affine(call, x, Constant.Scalar(-1), c),
        _ => throw NotTwo(),
    };

    public static Signal Mul(OperatorCall call) => call.Inputs switch
    {
        [Signal left, Signal right] when left.Node == right.Node && left.Dims.AsSpan().SequenceEqual(right.Dims) =>
            left.Same(new FloatSquare(call.Name, left.Node)),
        [Signal, Signal] => throw TwoSignals(),
        [Signal x, Constant c] => Affine(call, x, c, Zero),
        [Constant c, Signal x] => Affine(call, x, c, Zero),
        _ => throw NotTwo(),
    };

    public static Signal Div(OperatorCall call) => call.Inputs switch
    {
        [Signal, Signal] => throw TwoSignals(),
        [Signal x, Constant c] => Affine(call, x, c.Map(v => 1 / v), Zero),
        [Constant, Signal] => throw new NodeException("it divides by a value that depends on the input"),
        _ => throw NotTwo(),
    };

    public static Signal Sum(OperatorCall call)
    {
        Signal sum = call.SignalAt(0);
        for (int i = 1; i < call.Inputs.Length; i++)
        {
            sum = Sum(call, sum, call.SignalAt(i));
        }

        return sum;
    }

    public static Signal Neg(OperatorCall call) => call.SignalAt(0).Scaled(call.Name, -1, 0);

    public static Signal Pow(OperatorCall call)
    {
        Signal x = call.SignalAt(0);
        double exponent = call.ConstantAt(1).Single;
        return exponent == 2
            ? x.Same(new FloatSquare(call.Name, x.Node))
            : throw new NodeException($"only the exponent 2 can be evaluated, not {exponent}");
    }

    private static NodeException NotTwo() => new("it has not two inputs; the file is damaged");

    private static NodeException TwoSignals() => new(
        "it multiplies or divides two values that depend on the input, which is not supported; only sums of "
        + "branches are");

    private static Signal Sum(OperatorCall call, Signal left, Signal right) =>
        left.Node.Shape == right.Node.Shape && left.Dims.AsSpan().SequenceEqual(right.Dims)
            ? left.Same(new FloatAdd(call.Name, left.Node, right.Node))
            : throw new NodeException(
                $"it adds {Dimensions.Describe(left.Dims)} and {Dimensions.Describe(right.Dims)}; both must have one "
                + "shape");

    private static Signal Affine(OperatorCall call, Signal x, Constant scale, Constant shift)
    {
        (double[] scales, double[] shifts) = Broadcasting.Pair(
            call.Spread(scale, x), call.Spread(shift, x), x.Node.Shape);
        NodeException.ThrowIfNotFinite(scales, shifts);
        return x.Same(new FloatAffine(call.Name, x.Node, scales, shifts));
    }
}
