namespace Popcorn.Engine.Import;

/// <summary>What gives integers of reals: signs and changes of type.</summary>
internal static class StepOperators
{
    /// <summary>Most integers that a value may be rounded to: each is a comparison.</summary>
    private const int MostSteps = 255;

    /// <summary>How far a bound may miss an integer by what arithmetic on doubles leaves.</summary>
    private const double Tolerance = 1e-9;

    /// <summary>−1, 0 or 1: two steps, which are one where x is never 0.</summary>
    public static Signal Sign(OperatorCall call)
    {
        Signal x = call.SignalAt(0);
        return x.Same(AtZero(call, x, 0, 1, -1));
    }

    public static Signal Cast(OperatorCall call)
    {
        Signal x = call.SignalAt(0);
        ElementType type = ElementTypes.Of(call.Node.Int("to", 0));
        Signal cast = type == ElementType.Bool && !x.IsCondition ? x.Same(AtZero(call, x, 2, -1, -1))
            : type.IsInteger() && !x.Type.IsInteger() && !x.IsCondition ? Truncated(call, x, type)
            : x;
        return cast with { Type = type };
    }

    /// <summary>The next integer towards 0, where the range of x allows to count them.</summary>
    public static Signal Truncated(OperatorCall call, Signal x, ElementType type)
    {
        RealRange range = call.Ranges.Of(x.Node);
        (double least, double greatest) = ElementTypes.RangeOf(type);
        if (!range.IsFinite || range.High - range.Low > MostSteps || range.Low <= least - 1
            || range.High >= greatest + 1)
        {
            throw new NodeException(
                $"it makes integers ({ElementTypes.Name(type)}) of values from {range.Low:G3} to {range.High:G3}, by a "
                + $"comparison for each; they must fit the type and lie within {MostSteps} of each other");
        }

        int up = (int)Math.Max(Math.Floor(range.High + Tolerance), 0);
        int down = (int)Math.Max(Math.Floor(Tolerance - range.Low), 0);
        Cut[] cuts =
        [
            .. Enumerable.Range(1, up).Select(k => new Cut(k, false)),
            .. Enumerable.Range(1, down).Select(k => new Cut(-k, true)),
        ];
        if (cuts.Length == 0)
        {
            return x.Scaled(call.Name, 0, 0);
        }

        double[] heights = [.. cuts.Select(cut => cut.Below ? -1.0 : 1.0)];
        CheckedSize.Product(x.Node.Shape.Channels, cuts.Length, call.Name);
        return x.Same(FloatSteps.Uniform(call.Name, x.Node, cuts, 0, heights));
    }

    /// <summary>One height is added where x ≥ 0, another where x ≤ 0.</summary>
    private static FloatSteps AtZero(OperatorCall call, Signal x, double low, double above, double below) =>
        FloatSteps.Uniform(call.Name, x.Node, [new Cut(0, false), new Cut(0, true)], low, [above, below]);
}
