namespace Popcorn.Engine.Import;

/// <summary>Rectifiers, clips, bounded activations and those that approach straight lines.</summary>
internal static class ActivationOperators
{
    // The constants of SELU, as ONNX has them.
    private const double SeluAlpha = 1.67326319217681884765625, SeluGamma = 1.05070102214813232421875;

    public static Signal Relu(OperatorCall call) => Relu(call, call.SignalAt(0));

    /// <summary>slope·x + (1 − slope)·max(x, 0).</summary>
    public static Signal LeakyRelu(OperatorCall call) =>
        Leaky(call, call.SignalAt(0), call.Node.Float("alpha", 0.01f));

    public static Signal Abs(OperatorCall call) => Leaky(call, call.SignalAt(0), -1);

    /// <summary>A leaky ReLU with a slope for each channel, or one for all.</summary>
    public static Signal PRelu(OperatorCall call)
    {
        Signal x = call.SignalAt(0);
        Constant slope = call.ConstantAt(1);
        // Before slopes were broadcast, those of one side belonged to the channels.
        if (call.Node.OperatorSet < 7 && slope.Dims is [> 1 and int channels])
        {
            slope = slope with { Dims = [channels, .. Enumerable.Repeat(1, x.Dims.Length - 2)] };
        }

        Constant zero = Constant.Scalar(0);
        Signal positive = ElementwiseOperators.Affine(call, Relu(call, x), slope.Map(s => 1 - s), zero);
        return ElementwiseOperators.Sum(call, positive, ElementwiseOperators.Affine(call, x, slope, zero));
    }

    public static Signal Clip(OperatorCall call)
    {
        return Clip(
            call, call.SignalAt(0), Limit("min", 1, double.NegativeInfinity), Limit("max", 2, double.PositiveInfinity));

        double Limit(string name, int index, double otherwise) =>
            call.OptionalAt(index)?.Single ?? call.Node.Float(name, otherwise);
    }

    public static Signal Max(OperatorCall call) => Greatest(call, sign: 1);

    /// <summary>−max(−a, −b).</summary>
    public static Signal Min(OperatorCall call) => Greatest(call, sign: -1);

    public static Signal HardSigmoid(OperatorCall call) => Clip(
        call, call.SignalAt(0).Scaled(call.Name, call.Node.Float("alpha", 0.2f), call.Node.Float("beta", 0.5)), 0, 1);

    public static Signal Monotone(OperatorCall call, MonotoneFunction function)
    {
        Signal x = call.SignalAt(0);
        return x.Same(new FloatMonotone(call.Name, x.Node, function));
    }

    /// <summary>Any other function of each element, which may depend on the node's attributes.</summary>
    public static Func<OperatorCall, Signal> Curve(Func<OnnxNode, Func<double, double>> function) => call =>
        Curves.Of(call, call.SignalAt(0), function(call.Node));

    public static double Softplus(double x) => Math.Max(x, 0) + Math.Log(1 + Math.Exp(-Math.Abs(x)));

    public static double HardSwish(double x) => x * Math.Clamp(x / 6 + 0.5, 0, 1);

    public static double Mish(double x) => x * Math.Tanh(Softplus(x));

    public static double Gelu(double x) => x / 2 * (1 + ErrorFunction.Of(x / Math.Sqrt(2)));

    public static double TanhGelu(double x) =>
        x / 2 * (1 + Math.Tanh(Math.Sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x)));

    public static double Elu(double x, double alpha) => x > 0 ? x : alpha * (Math.Exp(x) - 1);

    public static double Celu(double x, double alpha) => x > 0 ? x : alpha * (Math.Exp(x / alpha) - 1);

    public static double Selu(double x, OnnxNode node) =>
        node.Float("gamma", SeluGamma) * Elu(x, node.Float("alpha", SeluAlpha));

    public static Signal Relu(OperatorCall call, Signal x) => x.Same(new FloatRelu(call.Name, x.Node));

    public static Signal Clip(OperatorCall call, Signal x, double low, double high)
    {
        // Exporters write the limits of the type where they mean none.
        low = low <= float.MinValue ? double.NegativeInfinity : low;
        high = high >= float.MaxValue ? double.PositiveInfinity : high;
        if (!(low < high) || double.IsPositiveInfinity(low) || double.IsNegativeInfinity(high))
        {
            throw new NodeException($"it clips to {low} … {high}, where nothing remains");
        }

        if (low == 0 && double.IsPositiveInfinity(high))
        {
            return Relu(call, x);
        }

        return double.IsFinite(low) ? x.Same(new FloatClip(call.Name, x.Node, low, high))
            : double.IsFinite(high) ? x.Same(FloatClip.AtMost(call.Name, x.Node, high))
            : x;
    }

    public static Signal Leaky(OperatorCall call, Signal x, double slope)
    {
        FloatNode positive = Relu(call, x).Scaled(call.Name, 1 - slope, 0).Node;
        return x.Same(new FloatAdd(call.Name, positive, x.Scaled(call.Name, slope, 0).Node));
    }

    /// <summary>The greatest of all inputs, or with the sign −1 the least.</summary>
    private static Signal Greatest(OperatorCall call, int sign)
    {
        Constant[] constants = [.. call.Inputs.OfType<Constant>()];
        Signal[] signals = [.. call.Inputs.OfType<Signal>()];
        Signal greatest = signals.Skip(1).Aggregate(signals[0], (a, b) => Greater(call, a, b, sign));
        return constants.Length == 0
            ? greatest
            : Limited(call, greatest, sign, constants.Aggregate((a, b) =>
                ConstantFolding.Combine(a, b, sign > 0 ? Math.Max : Math.Min)));
    }

    /// <summary>max(a, b) = b + max(a − b, 0), min(a, b) = b − max(b − a, 0).</summary>
    private static Signal Greater(OperatorCall call, Signal a, Signal b, int sign)
    {
        Signal difference = ElementwiseOperators.Sum(
            call, a.Scaled(call.Name, sign, 0), b.Scaled(call.Name, -sign, 0));
        return ElementwiseOperators.Sum(call, Relu(call, difference).Scaled(call.Name, sign, 0), b);
    }

    private static Signal Limited(OperatorCall call, Signal x, int sign, Constant limit)
    {
        if (limit.Values.Length > 0 && Array.TrueForAll(limit.Values, v => v == limit.Values[0]))
        {
            return sign > 0
                ? Clip(call, x, limit.Values[0], double.PositiveInfinity)
                : Clip(call, x, double.NegativeInfinity, limit.Values[0]);
        }

        // c + max(x − c, 0), c − max(c − x, 0)
        Constant one = Constant.Scalar(sign);
        Signal beyond = Relu(call, ElementwiseOperators.Affine(call, x, one, limit.Map(v => -sign * v)));
        return ElementwiseOperators.Affine(call, beyond, one, limit);
    }
}
