namespace Popcorn.Engine.Import;

/// <summary>Comparisons with constants, what connects them, and selections by them.</summary>
internal static class ComparisonOperators
{
    /// <summary>Greater, Less, and both with equality.</summary>
    public static Signal Compare(OperatorCall call, bool greater, bool orEqual)
    {
        (Signal x, double[] thresholds, bool constantFirst) = Thresholds(call);

        // x > t is not (x ≤ t).
        bool strict = !orEqual;
        Cut[] cuts = Array.ConvertAll(thresholds, t => new Cut(t, (greater != constantFirst) == strict));
        FloatSteps steps = strict
            ? new FloatSteps(call.Name, x.Node, cuts, 1, [-1])
            : new FloatSteps(call.Name, x.Node, cuts, 0, [1]);
        return Condition(x, steps);
    }

    /// <summary>x ≥ t and x ≤ t.</summary>
    public static Signal Equal(OperatorCall call)
    {
        (Signal x, double[] thresholds, _) = Thresholds(call);
        Cut[] cuts = [.. thresholds.SelectMany(t => new[] { new Cut(t, false), new Cut(t, true) })];
        return Condition(x, new FloatSteps(call.Name, x.Node, cuts, -1, [1, 1]));
    }

    public static Signal And(OperatorCall call) => Connected(call, 1.5);

    public static Signal Or(OperatorCall call) => Connected(call, 0.5);

    public static Signal Not(OperatorCall call) => RequireCondition(call.SignalAt(0)).Scaled(call.Name, -1, 1);

    public static Signal Where(OperatorCall call)
    {
        if (call.Inputs is [Signal condition, Constant yes, Constant no])
        {
            RequireCondition(condition);
            (double[] high, double[] low) = Broadcasting.Pair(
                call.Spread(yes, condition), call.Spread(no, condition), condition.Node.Shape);
            NodeException.ThrowIfNotFinite(high, low);
            var affine = new FloatAffine(call.Name, condition.Node, [.. high.Zip(low, (h, l) => h - l)], low);
            return condition.Same(affine) with { Type = yes.Type };
        }

        Signal? selected = call.Inputs is [Signal { IsCondition: true } decides, not Absent, not Absent]
            ? Curves.Select(call, decides, call.Inputs[1], call.Inputs[2])
            : null;
        return selected ?? throw new NodeException(
            "it does not select by a comparison between two constants or functions of what was compared; only these "
            + "can be imported");
    }

    private static (Signal Signal, double[] Thresholds, bool ConstantFirst) Thresholds(OperatorCall call)
    {
        (Signal x, Constant constant, bool constantFirst) = call.SignalAndConstant ?? throw new NodeException(
            "it compares two values that depend on the input; only constants can stand on one side");
        double[] thresholds = call.Spread(constant, x);
        return thresholds.Length == x.Node.Shape.Channels && Array.TrueForAll(thresholds, double.IsFinite)
            ? (x, thresholds, constantFirst)
            : throw new NodeException(
                "its constant differs within a channel or is not finite; use one number for each channel");
    }

    /// <summary>Whether the sum of two conditions reaches a number.</summary>
    private static Signal Connected(OperatorCall call, double threshold)
    {
        RequireCondition(call.SignalAt(0));
        RequireCondition(call.SignalAt(1));
        Signal sum = ElementwiseOperators.Add(call);
        return Condition(sum, FloatSteps.Uniform(call.Name, sum.Node, [new Cut(threshold, false)], 0, [1]));
    }

    private static Signal Condition(Signal x, FloatSteps steps) => x.Same(steps) with { Type = ElementType.Bool };

    private static Signal RequireCondition(Signal x) => x.IsCondition ? x : throw new NodeException(
        "it reads what is no comparison's result; only decisions of comparisons can be imported there");
}
