using Popcorn.Engine.Model;

namespace Popcorn.Engine.Import;

/// <summary>Entries of sides of a value: linear layers that move, with one weight of 1 for each output.</summary>
internal static class Selection
{
    /// <summary>Most features that are brought into another order; this takes a square of weights.</summary>
    private const int MostReordered = 1 << 11;

    public static GraphValue Slice(OperatorCall call)
    {
        Signal x = call.SignalAt(0);
        return Dimensions.Sliced(call, x.Dims).Aggregate(x, (sliced, cut) => Of(call, sliced, cut.Axis, cut.Entries));
    }

    public static GraphValue Split(OperatorCall call)
    {
        Signal x = call.SignalAt(0);
        return new Several([.. Dimensions.Split(call, x.Dims, out int axis).Select(part => Of(call, x, axis, part))]);
    }

    /// <summary>Entries of a side by their numbers; a single number drops the side.</summary>
    public static Signal Gather(OperatorCall call)
    {
        Signal x = call.SignalAt(0);
        Constant indices = call.ConstantAt(1);
        int axis = Dimensions.Axis(call.Node.Int("axis", 0), x.Dims.Length, x.Dims.Length - 1);
        int side = x.Dims[axis];
        Signal taken = Of(
            call, x, axis, [.. indices.Integers().Select(i => Dimensions.Axis(i, side, side - 1))]);
        return taken.Reshaped(dims => [.. dims[..axis], .. indices.Dims, .. dims[(axis + 1)..]]);
    }

    /// <summary>All elements in the order of the sides, as a vector of features in the last of them.</summary>
    public static Signal Vector(OperatorCall call, Signal x)
    {
        Shape shape = x.Node.Shape;
        if (x.Dims[^1] != shape.Size)
        {
            throw new NodeException(
                $"it reads {Dimensions.Describe(x.Dims)} where all features in one side are needed; flatten before it");
        }

        FloatNode node = shape.Area == 1 && x.IsInOrder ? x.Node : Ordered(call.Name, x);
        Role[] roles = [.. x.Dims.Select((side, i) => i == 0 && side == x.Batch ? Role.Batch : Role.One)];
        roles[^1] = Role.Channel;
        return x.With(node, roles);
    }

    /// <summary>All elements in the order of the sides, each a channel.</summary>
    public static FloatLinear Ordered(string name, Signal x)
    {
        Shape shape = x.Node.Shape;
        if (shape.Size > MostReordered)
        {
            throw new NodeException(
                $"it needs the {shape.Size} elements of {shape} in another order, which is supported for "
                + $"{MostReordered} at most; export the network with channels first");
        }

        int[] elements = x.Elements();
        var weights = new double[shape.Size * shape.Size];
        for (int i = 0; i < elements.Length; i++)
        {
            weights[i * shape.Size + elements[i]] = 1;
        }

        return new FloatLinear(name, x.Node, OnnxWindow.Whole(shape), 1, weights, new double[shape.Size])
        {
            IsMove = true,
        };
    }

    /// <summary>Channels by their numbers; −1 stands for one that holds a number everywhere.</summary>
    public static FloatLinear Channels(OperatorCall call, FloatNode source, int[] entries, double filling = 0)
    {
        Shape shape = source.Shape;
        if ((long)entries.Length * shape.Channels > NetworkValidator.MaxWeights / 16
            || !(shape with { Channels = entries.Length }).IsValid)
        {
            throw new NodeException($"it makes {entries.Length} channels of {shape}, more than can be evaluated");
        }

        var weights = new double[entries.Length * shape.Channels];
        foreach ((int output, int entry) in entries.Index().Where(e => e.Item >= 0))
        {
            weights[output * shape.Channels + entry] = 1;
        }

        double[] bias = Array.ConvertAll(entries, entry => entry < 0 ? filling : 0);
        Window window = Window.Pointwise(shape.Height, shape.Width);
        return new FloatLinear(call.Name, source, window, 1, weights, bias) { IsMove = true };
    }

    private static Signal Of(OperatorCall call, Signal x, int axis, int[] entries)
    {
        if (entries.SequenceEqual(Enumerable.Range(0, x.Dims[axis])))
        {
            return x;
        }

        if (entries.Length == 0)
        {
            throw new NodeException("it selects nothing");
        }

        if (x.Dims[axis] == x.Node.Shape.Size && axis == x.Dims.Length - 1)
        {
            x = Vector(call, x);
        }

        Role[] roles = x.FullRoles;
        FloatNode node = roles[axis] switch
        {
            Role.Channel => Channels(call, x.Node, entries),
            Role.Row or Role.Column => Crop(call, x.Node, roles[axis] == Role.Row, entries),
            _ => throw new NodeException(
                $"it selects along side {axis} of {Dimensions.Describe(x.Dims)}, which is neither channels nor rows "
                + "nor columns"),
        };
        return x.With(node, roles);
    }

    /// <summary>Rows or columns at equal distances: a tap of 1 at the first, one of 0 where windows begin.</summary>
    private static FloatLinear Crop(OperatorCall call, FloatNode source, bool rows, int[] entries)
    {
        Shape shape = source.Shape;
        int first = entries[0];
        int stride = entries.Length > 1 ? entries[1] - first : 1;
        if (stride < 1 || entries.Index().Any(e => e.Item != first + e.Index * stride))
        {
            throw new NodeException("it selects rows or columns that are not in order and at equal distances");
        }

        (int taps, int dilation) = first == 0 ? (1, 1) : (2, first);
        Window window = rows
            ? new Window(taps, 1, stride, 1, dilation, 1, 0, 0, entries.Length, shape.Width)
            : new Window(1, taps, 1, stride, 1, dilation, 0, 0, shape.Height, entries.Length);
        double[] weights = new double[CheckedSize.Product(shape.Channels, taps, call.Name)];
        for (int i = taps - 1; i < weights.Length; i += taps)
        {
            weights[i] = 1;
        }

        return window.IsValid
            ? new FloatLinear(call.Name, source, window, shape.Channels, weights, new double[shape.Channels])
            {
                IsMove = true,
            }
            : throw new NodeException($"it cuts a plane of {shape}, more than can be evaluated");
    }
}
