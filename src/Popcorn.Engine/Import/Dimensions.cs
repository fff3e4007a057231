namespace Popcorn.Engine.Import;

/// <summary>The sides of tensors, and how operators change them.</summary>
internal static class Dimensions
{
    public static string Describe(int[] dims) => string.Join('x', dims);

    /// <summary>Number of elements.</summary>
    public static long Count(IEnumerable<int> dims) => dims.Aggregate(1L, (count, side) => checked(count * side));

    /// <summary>Number of elements of what is held in memory.</summary>
    public static int Product(IEnumerable<int> dims) => Count(dims) is var count and <= int.MaxValue
        ? (int)count
        : throw new NodeException("a shape in it is too large");

    /// <summary>Where an element lies in a tensor whose sides are walked along in steps of their own.</summary>
    public static int Offset(int element, int[] dims, int[] steps)
    {
        int offset = 0;
        for (int d = dims.Length - 1; d >= 0; d--)
        {
            offset += element % dims[d] * steps[d];
            element /= dims[d];
        }

        return offset;
    }

    /// <summary>How far apart neighbours along each side lie.</summary>
    public static int[] Steps(int[] dims)
    {
        int[] steps = new int[dims.Length];
        for (int i = dims.Length - 1, step = 1; i >= 0; i--)
        {
            steps[i] = step;
            step = checked(step * dims[i]);
        }

        return steps;
    }

    /// <summary>An axis or entry, which may be counted from the end.</summary>
    public static int Axis(long axis, int rank, int most)
    {
        long resolved = axis < 0 ? axis + rank : axis;
        return resolved >= 0 && resolved <= most
            ? (int)resolved
            : throw new NodeException($"there is no axis or entry {axis} among {rank}; the file is damaged");
    }

    /// <summary>The sides in another order.</summary>
    public static int[] Permuted(int[] dims, int[] permutation) =>
        permutation.Order().SequenceEqual(Enumerable.Range(0, dims.Length))
            ? Array.ConvertAll(permutation, p => dims[p])
            : throw new NodeException("its perm is no permutation of the sides it reads; the file is damaged");

    /// <summary>What two tensors that meet element by element are broadcast to.</summary>
    public static int[] Broadcast(int[] a, int[] b)
    {
        int rank = Math.Max(a.Length, b.Length);
        int[] left = Widened(a, rank), right = Widened(b, rank);
        return left.Zip(right).All(s => s.First == s.Second || s.First == 1 || s.Second == 1)
            ? [.. left.Zip(right, (l, r) => l == 1 ? r : l)]
            : throw new NodeException($"{Describe(a)} and {Describe(b)} do not fit; the file is damaged");
    }

    /// <summary>Steps along the sides of what a tensor is broadcast to: 0 where it is repeated.</summary>
    public static int[] BroadcastSteps(int[] own, int rank)
    {
        int[] widened = Widened(own, rank);
        return [.. Steps(widened).Select((step, d) => widened[d] == 1 ? 0 : step)];
    }

    /// <summary>The entries of an axis that a Slice takes, along each axis that it names.</summary>
    public static IEnumerable<(int Axis, int[] Entries)> Sliced(OperatorCall call, int[] dims)
    {
        long[] starts = call.IntegersAt(1, "starts") ?? throw new NodeException("its starts are missing");
        long[] ends = call.IntegersAt(2, "ends") ?? throw new NodeException("its ends are missing");
        long[] axes = call.IntegersAt(3, "axes") ?? [.. Enumerable.Range(0, starts.Length).Select(i => (long)i)];
        long[] steps = call.OptionalAt(4)?.Integers() ?? [.. Enumerable.Repeat(1L, starts.Length)];
        if (ends.Length != starts.Length || axes.Length != starts.Length || steps.Length != starts.Length
            || steps.Contains(0))
        {
            throw new NodeException("its starts, ends, axes and steps do not fit; the file is damaged");
        }

        for (int i = 0; i < axes.Length; i++)
        {
            int axis = Axis(axes[i], dims.Length, dims.Length - 1);
            yield return (axis, Entries(starts[i], ends[i], steps[i], dims[axis]));
        }
    }

    /// <summary>The entries from a start to an end, both clamped as ONNX says.</summary>
    private static int[] Entries(long start, long end, long step, int side)
    {
        long first = Math.Clamp(start < 0 ? start + side : start, step > 0 ? 0 : -1, step > 0 ? side : side - 1);
        long last = Math.Clamp(end < 0 ? Math.Max(end, -side - 1L) + side : end, step > 0 ? 0 : -1, side);
        var entries = new List<int>();
        for (long entry = first; step > 0 ? entry < last : entry > last; entry += step)
        {
            entries.Add((int)entry);
        }

        return [.. entries];
    }

    /// <summary>Sides that a constant holds.</summary>
    public static int[] Of(Constant shape) => Array.ConvertAll(
        shape.Integers(),
        side => side is >= 0 and <= int.MaxValue
            ? (int)side
            : throw new NodeException($"a side of its shape is {side}"));

    /// <summary>The axes that a reduction runs along, each once.</summary>
    public static int[] ReducedAxes(OperatorCall call, int rank)
    {
        long[]? axes = call.IntegersAt(1, "axes");
        return axes is { Length: > 0 } ? [.. axes.Select(a => Axis(a, rank, rank - 1)).Distinct()]
            : call.Node.Flag("noop_with_empty_axes") ? []
            : [.. Enumerable.Range(0, rank)];
    }

    /// <summary>The entries of an axis that each output of a Split takes.</summary>
    public static int[][] Split(OperatorCall call, int[] dims, out int axis)
    {
        axis = Axis(call.Node.Int("axis", 0), dims.Length, dims.Length - 1);
        int count = call.Node.Outputs.Count, side = dims[axis];
        int each = (side + count - 1) / count;
        long[] sizes = call.IntegersAt(1, "split")
            ?? [.. Enumerable.Range(0, count).Select(i => (long)Math.Clamp(side - i * each, 0, each))];
        if (sizes.Length != count || sizes.Any(size => size < 0 || size > side) || sizes.Sum() != side)
        {
            throw new NodeException($"its parts do not add up to the {side} entries of the axis; the file is damaged");
        }

        int first = 0;
        return [.. sizes.Select(size =>
        {
            first += (int)size;
            return Enumerable.Range(first - (int)size, (int)size).ToArray();
        })];
    }

    private static int[] Widened(int[] dims, int rank) => [.. Enumerable.Repeat(1, rank - dims.Length), .. dims];

    public static int[] Flattened(OperatorCall call, int[] dims)
    {
        int axis = Axis(call.Node.Int("axis", 1), dims.Length, dims.Length);
        return [Product(dims[..axis]), Product(dims[axis..])];
    }

    public static int[] Reshaped(OperatorCall call, int[] dims)
    {
        long[] shape = call.Inputs.Length > 1 && call.Inputs[1] is Signal
            ? throw new NodeException("its new shape is not constant")
            : call.IntegersAt(1, "shape") ?? throw new NodeException("its new shape is missing; the file is damaged");
        bool copiesZeros = !call.Node.Flag("allowzero");
        var result = new int[shape.Length];
        int open = -1;
        for (int i = 0; i < shape.Length; i++)
        {
            switch (shape[i])
            {
                case -1 when open < 0:
                    open = i;
                    result[i] = 1;
                    break;
                case 0 when copiesZeros && i < dims.Length:
                    result[i] = dims[i];
                    break;
                case >= 0 and <= int.MaxValue when shape[i] > 0 || !copiesZeros:
                    result[i] = (int)shape[i];
                    break;
                default:
                    throw new NodeException(
                        $"its new shape {string.Join('x', shape)} is not valid; the file is damaged");
            }
        }

        if (open >= 0)
        {
            result[open] = Product(dims) / Math.Max(Product(result), 1);
        }

        return result;
    }

    public static int[] Squeezed(OperatorCall call, int[] dims)
    {
        if (call.IntegersAt(1, "axes") is not { } axes)
        {
            // A batch that is open stays, whatever it is.
            bool hasBatch = call.Inputs[0] is Signal { HasOpenBatch: true };
            return [.. dims.Where((side, i) => side != 1 || (hasBatch && i == 0))];
        }

        HashSet<int> dropped = [.. axes.Select(a => Axis(a, dims.Length, dims.Length - 1))];
        return dropped.All(a => dims[a] == 1)
            ? [.. dims.Where((_, i) => !dropped.Contains(i))]
            : throw new NodeException("it squeezes a side that is not 1; the file is damaged");
    }

    public static int[] Unsqueezed(OperatorCall call, int[] dims)
    {
        if (call.IntegersAt(1, "axes") is not { Length: <= Constant.MostSides } axes)
        {
            throw new NodeException("its axes are missing");
        }

        int rank = dims.Length + axes.Length;
        HashSet<int> added = [.. axes.Select(a => Axis(a, rank, rank - 1))];
        if (added.Count != axes.Length)
        {
            throw new NodeException("its axes are not distinct; the file is damaged");
        }

        var rest = new Queue<int>(dims);
        return [.. Enumerable.Range(0, rank).Select(i => added.Contains(i) ? 1 : rest.Dequeue())];
    }
}
