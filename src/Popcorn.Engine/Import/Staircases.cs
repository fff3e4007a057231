namespace Popcorn.Engine.Import;

/// <summary>
/// What becomes of activations that no comparison has taken in: staircases of comparisons, on straight lines where they
/// are not bounded; or nothing where they stand at the end.
/// </summary>
internal static class Staircases
{
    /// <summary>The graph with a staircase in place of every bounded activation.</summary>
    public static FloatNode Replace(FloatNode output, ImportOptions options) =>
        FloatGraph.Rewritten(output, node => node switch
        {
            FloatMonotone activation => Staircase(activation, options),
            FloatCurve curve => OnLines(curve, options),
            _ => node,
        });

    /// <summary>
    /// Without an increasing function of each class score at the very end: the ranking is the same without it. What is
    /// cut off at the end of a range ranks first where it is equal otherwise.
    /// </summary>
    public static FloatNode DropLast(FloatNode output, ImportOptions options)
    {
        while (output is FloatMonotone or FloatClip)
        {
            options.Report?.Invoke(
                $"The activation '{output.Name}' at the end was dropped: the ranking of the classes is the same "
                + "without it.");
            output = output.Source;
        }

        return output;
    }

    /// <summary>left·x + (right − left)·max(x, 0) + a staircase.</summary>
    private static FloatNode OnLines(FloatCurve curve, ImportOptions options)
    {
        string name = curve.Name;
        StraightLines lines = curve.Lines
            ?? throw new InvalidOperationException("A function that approaches no straight lines was let pass.");
        (Cut[] cuts, double low, double[] heights, double height) = lines.Staircase(options.ActivationSteps);
        options.Report?.Invoke(
            $"The activation '{name}' became a rectifier and a staircase of {cuts.Length} steps, off by at most "
            + $"{height / 2:G3} (--activation-steps).");
        CheckedSize.Product(curve.Shape.Channels, cuts.Length, name);
        FloatNode x = curve.Source;
        FloatNode? sum = lines.Left == 0 ? null : FloatAffine.Uniform(name, x, lines.Left, 0);
        if (lines.Right != lines.Left)
        {
            FloatNode relu = Scaled(new FloatRelu(name, x), lines.Right - lines.Left, 0);
            sum = sum is null ? relu : new FloatAdd(name, relu, sum);
        }

        return cuts.Length > 0
            ? Sum(sum, FloatSteps.Uniform(name, x, cuts, low, heights))
            : Scaled(sum ?? Scaled(x, 0, 0), 1, low);

        FloatNode Sum(FloatNode? first, FloatNode second) =>
            first is null ? second : new FloatAdd(name, first, second);

        FloatNode Scaled(FloatNode node, double scale, double shift) =>
            (scale, shift) is (1, 0) ? node : FloatAffine.Uniform(name, node, scale, shift);
    }

    private static FloatSteps Staircase(FloatMonotone activation, ImportOptions options)
    {
        MonotoneFunction function = activation.Function;
        (double[] thresholds, double height) = function.Staircase(options.ActivationSteps);
        CheckedSize.Product(activation.Shape.Channels, thresholds.Length, activation.Name);
        options.Report?.Invoke(
            $"The activation '{activation.Name}' became a staircase of {options.ActivationSteps} steps, off by at most "
            + $"{height / 2:G3} (--activation-steps).");
        Cut[] cuts = [.. Enumerable.Repeat(thresholds, activation.Shape.Channels)
            .SelectMany(t => t.Select(threshold => new Cut(threshold, false)))];
        double[] heights = [.. Enumerable.Repeat(height, thresholds.Length)];
        return new FloatSteps(activation.Name, activation.Source, cuts, function.Low, heights);
    }
}
