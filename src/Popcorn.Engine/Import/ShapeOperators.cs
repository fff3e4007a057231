using Popcorn.Engine.Model;

namespace Popcorn.Engine.Import;

/// <summary>What moves, joins and frames values without computing, and what is dropped at the end.</summary>
internal static class ShapeOperators
{
    public static Signal Same(OperatorCall call) => call.SignalAt(0);

    public static Signal Cast(OperatorCall call) => call.SignalAt(0) with { IsCondition = false };

    public static Signal Transpose(OperatorCall call)
    {
        Signal x = call.SignalAt(0);
        return x.Transposed(call.Node.Permutation(x.Dims.Length));
    }

    /// <summary>
    /// The sides of a value, as a constant: exporters write a flattening as arithmetic on shapes, of which all but the
    /// batch is known.
    /// </summary>
    public static Constant ShapeOf(OperatorCall call) => ShapeOf(call, call.SignalAt(0).Dims);

    public static Constant ShapeOf(OperatorCall call, int[] dims) =>
        call.Node.Int("start", 0) == 0 && call.Node.Attribute("end") is null
            ? Constant.Vector(Array.ConvertAll(dims, side => (double)side))
            : throw new NodeException("only whole shapes can be taken; export with Flatten");

    public static Signal Concat(OperatorCall call)
    {
        if (call.Inputs.Length > NetworkValidator.MaxJoined || call.Inputs.Any(i => i is not Signal))
        {
            throw new NodeException(
                "it joins constants to values that depend on the input, or more than "
                + $"{NetworkValidator.MaxJoined} values");
        }

        Signal[] parts = [.. call.Inputs.Cast<Signal>()];
        Signal first = parts[0];
        int rank = first.Dims.Length;
        int axis = call.Node.Int("axis", 1);
        bool isVector = rank == 2;
        if ((axis < 0 ? axis + rank : axis) != 1)
        {
            throw new NodeException($"it joins along axis {axis}; only channels (axis 1) can be joined");
        }

        foreach (Signal part in parts)
        {
            if (part.Dims.Length != rank || !part.Dims.AsSpan(2).SequenceEqual(first.Dims.AsSpan(2))
                || part.Batch != first.Batch)
            {
                throw new NodeException(
                    "the values that it joins differ in more than their channels; the file is damaged");
            }

            if (!isVector || part.Node.Shape.Area != 1)
            {
                part.RequirePlane();
            }
        }

        long channels = parts.Sum(p => (long)p.Node.Shape.Channels);
        if (channels > Shape.MaxSize || !(first.Node.Shape with { Channels = (int)channels }).IsValid)
        {
            throw new NodeException("what it joins is larger than can be evaluated");
        }

        var concat = new FloatConcat(call.Name, [.. parts.Select(p => p.Node)]);
        return isVector ? first.Vector(concat) : first.Plane(concat);
    }

    /// <summary>A constant around a plane.</summary>
    public static Signal Pad(OperatorCall call)
    {
        Signal x = call.SignalAt(0);
        long[] pads = call.IntegersAt(1, "pads") ?? [];
        double[] values = call.OptionalAt(2)?.Values ?? [call.Node.Float("value", 0)];
        bool isConstant = call.Node.Text("mode", "constant") == "constant" && values is [var filling]
            && double.IsFinite(filling);
        if (Array.TrueForAll(pads, p => p == 0))
        {
            return x;
        }

        x = x.RequirePlane();
        if (!isConstant
            || pads is not [0, 0, >= 0 and var top, >= 0 and var left, 0, 0, >= 0 and var bottom, >= 0 and var right])
        {
            throw new NodeException(
                "it does not pad height and width with one finite number; pad with zeros or another constant there");
        }

        Shape shape = x.Node.Shape;
        long height = checked(shape.Height + top + bottom), width = checked(shape.Width + left + right);
        Window window = Math.Max(height, width) <= 1 << 14
            ? Window.Pointwise((int)height, (int)width) with { PadTop = (int)top, PadLeft = (int)left }
            : default;
        return window.IsValid && new Shape(shape.Channels, (int)height, (int)width).IsValid
            ? x.Plane(FloatLinear.Border(call.Name, x.Node, window, values[0]))
            : throw new NodeException("it makes a plane larger than can be evaluated");
    }

    /// <summary>Softmax and the like, which rank the classes as their scores do.</summary>
    public static Signal DropAtTheEnd(OperatorCall call, int defaultAxis)
    {
        Signal x = call.SignalAt(0);
        int axis = call.Node.Int("axis", defaultAxis);
        axis = axis < 0 ? axis + x.Dims.Length : axis;
        // Older operator sets flatten from the axis on, so that axis 1 means the classes in any case.
        if (axis < 0 || axis >= x.Dims.Length || (axis != 1 && x.Dims[axis] != x.Node.Shape.Size)
            || x.Node.Shape.Area != 1)
        {
            throw new NodeException(
                "it does not run over all classes; remove it, for the scores rank alike without it");
        }

        call.Report(
            $"{call.Node.Operator} '{call.Name}' was dropped: the ranking of the classes is the same without it.");
        return x with { IsProbability = true };
    }
}
