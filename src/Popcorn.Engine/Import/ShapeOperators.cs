using Popcorn.Engine.Model;

namespace Popcorn.Engine.Import;

/// <summary>What moves, joins and frames values without computing, and what is dropped at the end.</summary>
internal static class ShapeOperators
{
    public static GraphValue Same(OperatorCall call) => call.Inputs[0];

    public static GraphValue Dropout(OperatorCall call)
    {
        OnnxNode node = call.Node;
        bool trains = call.OptionalAt(2)?.Values is [not 0]
            || (node.OperatorSet < 7 && node.Attribute("is_test") is { I: 0 });
        return trains
            ? throw new NodeException("it is in training mode, which drops values at random; export for inference")
            : Same(call);
    }

    public static Signal Transpose(OperatorCall call)
    {
        Signal x = call.SignalAt(0);
        return x with { Layout = x.Layout.Permuted(call.Node.Permutation(x.Dims.Length)) };
    }

    /// <summary>
    /// The sides of a value, as a constant: exporters write a flattening as arithmetic on shapes, of which all but the
    /// batch is known.
    /// </summary>
    public static Constant ShapeOf(OperatorCall call)
    {
        int[] dims = DimsOf(call);
        int start = Bound(call.Node.Int("start", 0)), end = Bound(call.Node.Int("end", dims.Length));
        return Constant.Whole([.. dims.Take(end).Skip(start).Select(side => (long)side)]);

        int Bound(int index) => Math.Clamp(index < 0 ? index + dims.Length : index, 0, dims.Length);
    }

    /// <summary>How many elements a value has.</summary>
    public static Constant SizeOf(OperatorCall call) =>
        Constant.Whole(Dimensions.Count(DimsOf(call))) with { Dims = [] };

    /// <summary>Broadcasting to a shape, where that adds sides of 1 at most.</summary>
    public static Signal Expand(OperatorCall call)
    {
        Signal x = call.SignalAt(0);
        int[] dims = Dimensions.Broadcast(x.Dims, Dimensions.Of(call.ConstantAt(1)));
        return Dimensions.Count(dims) == Dimensions.Count(x.Dims) ? x.Reshaped(_ => dims) : throw Repeats(x, dims);
    }

    public static Signal Tile(OperatorCall call)
    {
        Signal x = call.SignalAt(0);
        int[] repeats = Dimensions.Of(call.ConstantAt(1));
        return Array.TrueForAll(repeats, r => r == 1)
            ? x
            : throw Repeats(x, [.. x.Dims.Zip(repeats, (side, times) => side * times)]);
    }

    public static Signal Concat(OperatorCall call) => call.Inputs.All(i => i is Signal)
        ? Concat(call, [.. call.Inputs.Cast<Signal>()])
        : throw new NodeException("it joins constants to values that depend on the input");

    public static Signal Concat(OperatorCall call, Signal[] parts)
    {
        Signal first = parts[0];
        int axis = Dimensions.Axis(call.Node.Int("axis", 1), first.Dims.Length, first.Dims.Length - 1);
        bool fits = Array.TrueForAll(parts, p => p.Dims.Length == first.Dims.Length && p.Batch == first.Batch
            && p.Dims.Where((_, i) => i != axis).SequenceEqual(first.Dims.Where((_, i) => i != axis)));
        if (!fits)
        {
            throw new NodeException("the values that it joins differ in more than the axis; the file is damaged");
        }

        // Flattened planes that differ in size, or in the order of their elements, are joined as vectors.
        bool areFlat = axis == first.Dims.Length - 1 && Array.TrueForAll(parts, p => p.Dims[axis] == p.Node.Shape.Size);
        bool areAlike = Array.TrueForAll(parts, p =>
            p.Node.Shape with { Channels = 1 } == first.Node.Shape with { Channels = 1 }
            && (!areFlat || p.Layout.RolesOver(p.Batch, p.Node.Shape) is not null));
        parts = areFlat && !areAlike ? Array.ConvertAll(parts, p => Selection.Vector(call, p)) : parts;
        Role[] roles = parts[0].FullRoles;
        if (roles[axis] is not (Role.Channel or Role.Features)
            || !Array.TrueForAll(parts, p => p.FullRoles.SequenceEqual(roles)))
        {
            throw new NodeException(
                $"it joins along axis {axis} of {Dimensions.Describe(first.Dims)}; only channels and flattened values "
                + "can be joined");
        }

        return parts[0].With(Joined(call, [.. parts.Select(p => p.Node)]), roles) with
        {
            HasOpenBatch = first.HasOpenBatch,
        };
    }

    private static FloatNode Joined(OperatorCall call, FloatNode[] parts)
    {
        long channels = parts.Sum(p => (long)p.Shape.Channels);
        if (channels > Shape.MaxSize || !(parts[0].Shape with { Channels = (int)channels }).IsValid)
        {
            throw new NodeException("what it joins is larger than can be evaluated");
        }

        // A layer joins so many at once; more in several layers.
        FloatNode[] joined = [.. parts.Chunk(NetworkValidator.MaxJoined)
            .Select(chunk => chunk.Length == 1 ? chunk[0] : new FloatConcat(call.Name, chunk))];
        return joined.Length == 1 ? joined[0] : Joined(call, joined);
    }

    private static int[] DimsOf(OperatorCall call) => call.Inputs[0] is Signal x ? x.Dims : call.ConstantAt(0).Dims;

    private static NodeException Repeats(Signal x, int[] dims) => new(
        $"it repeats {Dimensions.Describe(x.Dims)} to {Dimensions.Describe(dims)}; values that depend on the input "
        + "cannot be repeated");
}
