using Popcorn.Engine.Model;

namespace Popcorn.Engine.Import;

/// <summary>Sums, means and extremes along sides: of planes, rows, columns, channels, or all of them.</summary>
internal static class ReduceOperators
{
    public static Signal Mean(OperatorCall call) => Reduced(call, (x, window) =>
        new FloatAveragePool(call.Name, x.Node, window), channels => 1.0 / channels);

    public static Signal Sum(OperatorCall call) => Reduced(call, (x, window) => FloatAffine.Uniform(
        call.Name, new FloatAveragePool(call.Name, x.Node, window), window.Taps, 0), _ => 1);

    public static Signal Max(OperatorCall call) => Reduced(call, (x, window) =>
        new FloatMaxPool(call.Name, x.Node, window, withZero: false), weight: null);

    /// <summary>−max(−x).</summary>
    public static Signal Min(OperatorCall call) => Reduced(call, (x, window) => FloatAffine.Uniform(
        call.Name,
        new FloatMaxPool(call.Name, FloatAffine.Uniform(call.Name, x.Node, -1, 0), window, withZero: false), -1, 0),
        weight: null);

    /// <summary>Reduces sides.</summary>
    /// <param name="call">The node.</param>
    /// <param name="pool">Reduces the positions of a window.</param>
    /// <param name="weight">What each of so many channels weighs; null: channels cannot be reduced.</param>
    private static Signal Reduced(
        OperatorCall call, Func<Signal, Window, FloatNode> pool, Func<int, double>? weight)
    {
        Signal x = call.SignalAt(0);
        int[] axes = Dimensions.ReducedAxes(call, x.Dims.Length);
        Role[] roles = x.Roles;
        HashSet<Role> reduced = [.. axes.Select(axis => roles[axis])];
        if (reduced.Contains(Role.Batch) || (x.HasOpenBatch && axes.Contains(0)))
        {
            throw new NodeException("it runs across the images of a batch; give it axes without the first");
        }

        bool all = reduced.Contains(Role.Features);
        bool rows = all || reduced.Contains(Role.Plane) || reduced.Contains(Role.Row);
        bool columns = all || reduced.Contains(Role.Plane) || reduced.Contains(Role.Column);
        Shape shape = x.Node.Shape;
        FloatNode node = x.Node;
        if ((rows && shape.Height > 1) || (columns && shape.Width > 1))
        {
            int height = rows ? shape.Height : 1, width = columns ? shape.Width : 1;
            var window = new Window(
                height, width, 1, 1, 1, 1, 0, 0, shape.Height - height + 1, shape.Width - width + 1);
            node = window.IsValid && (long)shape.Channels * window.Taps <= Shape.MaxSize
                ? pool(x, window)
                : throw new NodeException($"it covers a plane of {shape}, more than can be evaluated");
        }

        if ((all || reduced.Contains(Role.Channel)) && shape.Channels > 1)
        {
            node = weight is not null ? Mixed(call, node, weight(shape.Channels)) : throw new NodeException(
                "it compares channels with each other; only sums and means of channels can be imported");
        }

        bool keeps = call.Node.Int("keepdims", 1) != 0;
        IEnumerable<Role> left = roles.Index().Where(r => keeps || !axes.Contains(r.Index))
            .Select(r => axes.Contains(r.Index) ? Role.One : r.Item);
        return x.With(node, left);
    }

    /// <summary>The sum of all channels, each with the same weight.</summary>
    private static FloatLinear Mixed(OperatorCall call, FloatNode node, double weight)
    {
        double[] weights = [.. Enumerable.Repeat(weight, node.Shape.Channels)];
        Window window = Window.Pointwise(node.Shape.Height, node.Shape.Width);
        return new FloatLinear(call.Name, node, window, 1, weights, [0]) { IsMove = true };
    }
}
