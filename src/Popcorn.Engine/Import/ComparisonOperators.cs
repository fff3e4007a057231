namespace Popcorn.Engine.Import;

/// <summary>Signs, comparisons with constants, and selections by them.</summary>
internal static class ComparisonOperators
{
    /// <summary>−1, 0 or 1: two steps, which are one where x is never 0.</summary>
    public static Signal Sign(OperatorCall call)
    {
        Signal x = call.SignalAt(0);
        Cut[] cuts = [.. Enumerable.Range(0, 2 * x.Node.Shape.Channels).Select(i => new Cut(0, i % 2 == 1))];
        return x.Same(new FloatSteps(call.Name, x.Node, cuts, 0, [1, -1]));
    }

    /// <summary>Greater, Less, and both with equality.</summary>
    public static Signal Compare(OperatorCall call, bool greater, bool orEqual)
    {
        (Signal x, Constant constant, bool constantFirst) = call.SignalAndConstant ?? throw new NodeException(
            "it compares two values that depend on the input; only constants can stand on one side");
        double[] thresholds = call.Spread(constant, x);
        if (thresholds.Length != x.Node.Shape.Channels || !Array.TrueForAll(thresholds, double.IsFinite))
        {
            throw new NodeException(
                "its constant differs within a channel or is not finite; use one number for each channel");
        }

        // x > t is not (x ≤ t).
        bool strict = !orEqual;
        Cut[] cuts = Array.ConvertAll(thresholds, t => new Cut(t, (greater != constantFirst) == strict));
        FloatSteps steps = strict
            ? new FloatSteps(call.Name, x.Node, cuts, 1, [-1])
            : new FloatSteps(call.Name, x.Node, cuts, 0, [1]);
        return x.Same(steps) with { IsCondition = true };
    }

    public static Signal Not(OperatorCall call)
    {
        Signal x = call.SignalAt(0);
        return x.IsCondition
            ? x.Scaled(call.Name, -1, 1)
            : throw new NodeException("it negates what is no comparison's result");
    }

    public static Signal Where(OperatorCall call)
    {
        if (call.Inputs is not [Signal { IsCondition: true } condition, Constant yes, Constant no])
        {
            throw new NodeException(
                "it does not select between two constants by a comparison; only signs can be imported");
        }

        (double[] high, double[] low) = Broadcasting.Pair(
            call.Spread(yes, condition), call.Spread(no, condition), condition.Node.Shape);
        NodeException.ThrowIfNotFinite(high, low);
        var affine = new FloatAffine(call.Name, condition.Node, [.. high.Zip(low, (h, l) => h - l)], low);
        return condition.Same(affine) with { IsCondition = false };
    }
}
