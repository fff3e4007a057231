namespace Popcorn.Engine.Import;

/// <summary>Softmax and the like at the end, which rank the classes as their scores do.</summary>
internal static class FinalOperators
{
    public static Signal Softmax(OperatorCall call) =>
        // Older operator sets flatten from the axis on.
        call.Node.OperatorSet < 13
            ? Dropped(call, call.Node.Int("axis", 1), toTheEnd: true)
            : Dropped(call, call.Node.Int("axis", -1), toTheEnd: false);

    public static Signal ArgMax(OperatorCall call) => call.Node.Flag("select_last_index")
        ? throw new NodeException("its select_last_index is set; the first of equal scores is always chosen here")
        : Dropped(call, call.Node.Int("axis", 0), toTheEnd: false);

    private static Signal Dropped(OperatorCall call, int axis, bool toTheEnd)
    {
        Signal x = call.SignalAt(0);
        axis = Dimensions.Axis(axis, x.Dims.Length, x.Dims.Length - 1);
        int classes = toTheEnd ? Dimensions.Product(x.Dims[axis..]) : x.Dims[axis];
        bool isBatch = axis == 0 && x.Dims.Length > 1 && !toTheEnd;
        if (isBatch || classes != x.Node.Shape.Size)
        {
            throw new NodeException(
                "it does not run over all classes; remove it, for the scores rank alike without it");
        }

        call.Report(
            $"{call.Node.Operator} '{call.Name}' was dropped: the ranking of the classes is the same without it.");
        return x with { IsProbability = true };
    }
}
