using Popcorn.Engine.Model;

namespace Popcorn.Engine.Import;

/// <summary>A constant around planes, or channels of a constant before and behind others.</summary>
internal static class PadOperator
{
    private const int MostSide = 1 << 14;

    public static Signal Read(OperatorCall call)
    {
        Signal x = call.SignalAt(0);
        (long Before, long After)[] pads = PadsOf(call, x.Dims.Length);
        if (Array.TrueForAll(pads, p => p is (0, 0)))
        {
            return x;
        }

        string mode = call.Node.Text("mode", "constant");
        double[] values = call.OptionalAt(2)?.Values ?? [call.Node.Float("value", 0)];
        if (mode != "constant" || values is not [var filling] || !double.IsFinite(filling))
        {
            throw new NodeException(
                $"it pads by '{mode}' or with what is no finite number; pad with zeros or another constant there");
        }

        Role[] roles = x.FullRoles;
        (long Before, long After) channels = default, rows = default, columns = default;
        foreach ((int axis, (long Before, long After) pad) in pads.Index().Where(p => p.Item is not (0, 0)))
        {
            if (pad.Before < 0 || pad.After < 0)
            {
                throw new NodeException("its pads are negative, which cuts; use Slice there");
            }

            switch (roles[axis])
            {
                case Role.Channel: channels = pad; break;
                case Role.Row: rows = pad; break;
                case Role.Column: columns = pad; break;
                default:
                    throw new NodeException(
                    $"it pads side {axis} of {Dimensions.Describe(x.Dims)}; only channels, rows and columns can be "
                    + "padded");
            }
        }

        FloatNode node = Framed(call, x.Node, rows, columns, filling);
        return x.With(channels is (0, 0) ? node : Selection.Channels(
            call, node, [.. Around(channels, node.Shape.Channels)], filling), roles);
    }

    private static FloatNode Framed(
        OperatorCall call, FloatNode node, (long Before, long After) rows, (long Before, long After) columns,
        double filling)
    {
        Shape shape = node.Shape;
        long height = checked(shape.Height + rows.Before + rows.After);
        long width = checked(shape.Width + columns.Before + columns.After);
        if ((height, width) == (shape.Height, shape.Width))
        {
            return node;
        }

        Window window = Math.Max(height, width) <= MostSide
            ? Window.Pointwise((int)height, (int)width) with
            {
                PadTop = (int)rows.Before,
                PadLeft = (int)columns.Before,
            }
            : default;
        return window.IsValid && new Shape(shape.Channels, (int)height, (int)width).IsValid
            ? FloatLinear.Border(call.Name, node, window, filling)
            : throw new NodeException("it makes a plane larger than can be evaluated");
    }

    /// <summary>The numbers of channels with −1 before and behind.</summary>
    private static IEnumerable<int> Around((long Before, long After) pad, int channels) =>
        Math.Max(pad.Before, pad.After) <= Shape.MaxSize
            ? [.. Enumerable.Repeat(-1, (int)pad.Before), .. Enumerable.Range(0, channels),
                .. Enumerable.Repeat(-1, (int)pad.After)]
            : throw new NodeException("it makes more channels, larger than can be evaluated");

    /// <summary>The pads of each side, in the order of the sides.</summary>
    private static (long Before, long After)[] PadsOf(OperatorCall call, int rank)
    {
        long[] pads = call.IntegersAt(1, call.Node.OperatorSet < 2 ? "paddings" : "pads") ?? [];
        long[] axes = call.OptionalAt(3)?.Integers() ?? [.. Enumerable.Range(0, rank).Select(axis => (long)axis)];
        if (pads.Length != 2 * axes.Length)
        {
            throw new NodeException($"it has {pads.Length} pads for {axes.Length} sides; the file is damaged");
        }

        var result = new (long Before, long After)[rank];
        foreach ((int i, long axis) in axes.Index())
        {
            result[Dimensions.Axis(axis, rank, rank - 1)] = (pads[i], pads[i + axes.Length]);
        }

        return result;
    }
}
