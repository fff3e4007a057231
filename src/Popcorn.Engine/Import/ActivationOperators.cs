namespace Popcorn.Engine.Import;

/// <summary>Rectifiers, clips, and bounded activations.</summary>
internal static class ActivationOperators
{
    public static Signal Relu(OperatorCall call) => Relu(call, call.SignalAt(0));

    /// <summary>slope·x + (1 − slope)·max(x, 0).</summary>
    public static Signal LeakyRelu(OperatorCall call)
    {
        Signal x = call.SignalAt(0);
        double slope = call.Node.Float("alpha", 0.01f);
        FloatNode positive = Relu(call, x).Scaled(call.Name, 1 - slope, 0).Node;
        return x.Same(new FloatAdd(call.Name, positive, x.Scaled(call.Name, slope, 0).Node));
    }

    public static Signal Clip(OperatorCall call)
    {
        return Clip(
            call, call.SignalAt(0), Limit("min", 1, double.NegativeInfinity), Limit("max", 2, double.PositiveInfinity));

        double Limit(string name, int index, double otherwise) =>
            call.OptionalAt(index)?.Single ?? call.Node.Float(name, otherwise);
    }

    public static Signal Max(OperatorCall call)
    {
        (Signal x, double limit) = OneLimit(call);
        return Clip(call, x, limit, double.PositiveInfinity);
    }

    public static Signal Min(OperatorCall call)
    {
        (Signal x, double limit) = OneLimit(call);
        return Clip(call, x, double.NegativeInfinity, limit);
    }

    public static Signal HardSigmoid(OperatorCall call) => Clip(
        call, call.SignalAt(0).Scaled(call.Name, call.Node.Float("alpha", 0.2f), call.Node.Float("beta", 0.5)), 0, 1);

    public static Signal Monotone(OperatorCall call, MonotoneFunction function)
    {
        Signal x = call.SignalAt(0);
        return x.Same(new FloatMonotone(call.Name, x.Node, function));
    }

    public static Signal Relu(OperatorCall call, Signal x) => x.Same(new FloatRelu(call.Name, x.Node));

    private static (Signal Signal, double Limit) OneLimit(OperatorCall call)
    {
        (Signal x, Constant limit, _) = call.SignalAndConstant ?? throw new NodeException(
            "it compares two values that depend on the input; only a constant can stand on one side");
        return limit.Values.Length > 0 && Array.TrueForAll(limit.Values, v => v == limit.Values[0])
            ? (x, limit.Values[0])
            : throw new NodeException("its constants differ; use one for all");
    }

    private static Signal Clip(OperatorCall call, Signal x, double low, double high)
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

        if (double.IsFinite(low))
        {
            return x.Same(new FloatClip(call.Name, x.Node, low, high));
        }

        if (double.IsPositiveInfinity(high))
        {
            return x;
        }

        // min(x, high) = −max(−x, −high)
        Signal negative = x.Scaled(call.Name, -1, 0);
        return x.Same(new FloatClip(call.Name, negative.Node, -high, double.PositiveInfinity)).Scaled(call.Name, -1, 0);
    }
}
