namespace Popcorn.Engine.Import;

/// <summary>
/// What becomes of bounded activations that no comparison has taken in: staircases of comparisons, or nothing where
/// they stand at the end.
/// </summary>
internal static class Staircases
{
    /// <summary>The graph with a staircase in place of every bounded activation.</summary>
    public static FloatNode Replace(FloatNode output, ImportOptions options)
    {
        var replaced = new Dictionary<FloatNode, FloatNode>();
        foreach (FloatNode node in FloatGraph.InOrder(output))
        {
            FloatNode copy = node.Reading([.. node.Sources.Select(s => replaced[s])]);
            replaced[node] = copy is FloatMonotone activation ? Staircase(activation, options) : copy;
        }

        return replaced[output];
    }

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
