namespace Popcorn.Engine.Import;

/// <summary>The operators that move, select and repeat elements, on constants alone.</summary>
internal static class ConstantShapes
{
    public static Constant Transpose(OperatorCall call) =>
        Transposed(call.ConstantAt(0), call.Node.Permutation(call.ConstantAt(0).Dims.Length));

    public static Constant Transposed(Constant x, int[] permutation)
    {
        int[] steps = Dimensions.Steps(x.Dims);
        return Walked(x, Dimensions.Permuted(x.Dims, permutation), Array.ConvertAll(permutation, p => steps[p]));
    }

    public static Constant Gather(OperatorCall call)
    {
        Constant x = call.ConstantAt(0), indices = call.ConstantAt(1);
        int axis = Dimensions.Axis(call.Node.Int("axis", 0), x.Dims.Length, x.Dims.Length - 1);
        int side = x.Dims[axis];
        int[] entries = [.. indices.Integers().Select(i => Dimensions.Axis(i, side, side - 1))];
        return Taken(x, axis, entries).Reshaped(dims => [.. dims[..axis], .. indices.Dims, .. dims[(axis + 1)..]]);
    }

    public static Constant Slice(OperatorCall call)
    {
        Constant x = call.ConstantAt(0);
        return Dimensions.Sliced(call, x.Dims).Aggregate(x, (sliced, cut) => Taken(sliced, cut.Axis, cut.Entries));
    }

    public static GraphValue Split(OperatorCall call)
    {
        Constant x = call.ConstantAt(0);
        return new Several([.. Dimensions.Split(call, x.Dims, out int axis).Select(part => Taken(x, axis, part))]);
    }

    public static Constant Concat(OperatorCall call)
    {
        Constant[] parts = [.. call.Inputs.Select((_, i) => call.ConstantAt(i))];
        Constant first = parts[0];
        int axis = Dimensions.Axis(call.Node.Int("axis", 0), first.Dims.Length, first.Dims.Length - 1);
        bool fits = Array.TrueForAll(parts, p => p.Dims.Length == first.Dims.Length
            && p.Dims.Where((_, i) => i != axis).SequenceEqual(first.Dims.Where((_, i) => i != axis)));
        if (!fits)
        {
            throw new NodeException("the constants that it joins differ in more than the axis; the file is damaged");
        }

        ConstantFolding.RequireSize(parts.Sum(c => (long)c.Values.Length), parts);
        int blocks = Dimensions.Product(first.Dims[..axis]);
        IEnumerable<double> values = Enumerable.Range(0, blocks).SelectMany(block => parts.SelectMany(part =>
        {
            int size = part.Values.Length / blocks;
            return part.Values.Skip(block * size).Take(size);
        }));
        int[] dims = [.. first.Dims];
        dims[axis] = parts.Sum(p => p.Dims[axis]);
        return first with { Dims = dims, Values = [.. values] };
    }

    public static Constant Expand(OperatorCall call)
    {
        Constant x = call.ConstantAt(0);
        int[] dims = Dimensions.Broadcast(x.Dims, Dimensions.Of(call.ConstantAt(1)));
        ConstantFolding.RequireSize(Dimensions.Count(dims), x);
        return Walked(x, dims, Dimensions.BroadcastSteps(x.Dims, dims.Length));
    }

    public static Constant Range(OperatorCall call)
    {
        Constant start = call.ConstantAt(0);
        double first = start.Single, step = call.ConstantAt(2).Single;
        double count = Math.Max(Math.Ceiling((call.ConstantAt(1).Single - first) / step), 0);
        ConstantFolding.RequireSize(double.IsFinite(count) ? (long)Math.Min(count, long.MaxValue / 2) : long.MaxValue);
        return Constant.Vector([.. Enumerable.Range(0, (int)count).Select(i => first + i * step)])
            with
        { Type = start.Type };
    }

    public static Constant Filled(OperatorCall call)
    {
        int[] dims = Dimensions.Of(call.ConstantAt(0));
        Constant value = call.Node.Attribute("value") is { T: { } tensor }
            ? Constant.Of(tensor, call.External)
            : Constant.Scalar(0);
        long count = Dimensions.Count(dims);
        ConstantFolding.RequireSize(count);
        return value with { Dims = dims, Values = [.. Enumerable.Repeat(value.Single, (int)count)] };
    }

    /// <summary>Some entries of an axis.</summary>
    public static Constant Taken(Constant x, int axis, int[] entries)
    {
        int[] dims = [.. x.Dims];
        dims[axis] = entries.Length;
        int inner = Dimensions.Product(x.Dims[(axis + 1)..]), outer = Dimensions.Product(x.Dims[..axis]);
        ConstantFolding.RequireSize(Dimensions.Count(dims), x);
        return x with
        {
            Dims = dims,
            Values = [.. Enumerable.Range(0, outer).SelectMany(block => entries.SelectMany(entry =>
                Enumerable.Range((block * x.Dims[axis] + entry) * inner, inner).Select(i => x.Values[i])))],
        };
    }

    private static Constant Walked(Constant x, int[] dims, int[] steps) => x with
    {
        Dims = dims,
        Values = [.. Enumerable.Range(0, Dimensions.Product(dims))
            .Select(i => x.Values[Dimensions.Offset(i, dims, steps)])],
    };
}
