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

    public static int[] Flattened(OperatorCall call, int[] dims)
    {
        int axis = Axis(call.Node.Int("axis", 1), dims.Length, dims.Length);
        return [Product(dims[..axis]), Product(dims[axis..])];
    }

    public static int[] Reshaped(OperatorCall call, int[] dims)
    {
        long[] shape = call.Inputs is [_, Constant constant, ..]
            ? constant.Integers()
            : throw new NodeException("its new shape is not constant");
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
                case > 0 and <= int.MaxValue:
                    result[i] = (int)shape[i];
                    break;
                default:
                    throw new NodeException(
                        $"its new shape {string.Join('x', shape)} is not valid; the file is damaged");
            }
        }

        if (open >= 0)
        {
            result[open] = Product(dims) / Product(result);
        }

        return result;
    }

    public static int[] Squeezed(OperatorCall call, int[] dims)
    {
        if (call.IntegersAt(1, "axes") is not { } axes)
        {
            // The batch stays, whatever it is.
            bool hasBatch = call.Inputs[0] is Signal;
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
