namespace Popcorn.Engine.Import;

/// <summary>Nodes whose inputs are all constant, and the rules of reshaping that they share with signals.</summary>
internal static class ConstantFolding
{
    public static bool IsSupported(string op) => 
        op is "Constant" or "Transpose" or "Shape" or "Gather" or "Concat" or "Sqrt" or "Abs" or "Reciprocal";

    /// <summary>The value of a node without inputs that depend on the image.</summary>
    public static Constant Fold(OnnxNode node, object[] inputs)
    {
        if (node.Operator == "Constant")
        {
            return ReadConstant(node);
        }

        if (inputs.Length == 0 || inputs[0] is not Constant x)
        {
            throw new Refusal("its first input is missing; the file is damaged");
        }

        return node.Operator switch
        {
            "Identity" or "Cast" => x,
            "Neg" => Map(x, v => -v),
            "Abs" => Map(x, Math.Abs),
            "Sqrt" => Map(x, Math.Sqrt),
            "Reciprocal" => Map(x, v => 1 / v),
            "Sign" => Map(x, v => double.IsNaN(v) ? v : Math.Sign(v)),
            "Add" => Combine(inputs, (a, b) => a + b),
            "Sub" => Combine(inputs, (a, b) => a - b),
            "Mul" => Combine(inputs, (a, b) => a * b),
            "Div" => Combine(inputs, (a, b) => a / b),
            "Pow" => Combine(inputs, Math.Pow),
            "Greater" => Combine(inputs, (a, b) => a > b ? 1 : 0),
            "GreaterOrEqual" => Combine(inputs, (a, b) => a >= b ? 1 : 0),
            "Less" => Combine(inputs, (a, b) => a < b ? 1 : 0),
            "LessOrEqual" => Combine(inputs, (a, b) => a <= b ? 1 : 0),
            "Where" => Select(inputs),
            "DequantizeLinear" => Dequantize(node, inputs),
            "Transpose" => Transpose(x, node.Ints("perm")),
            "Shape" => ShapeOf(node, x.Dims),
            "Gather" => Gather(node, x, inputs.Length > 1 ? inputs[1] as Constant : null),
            "Concat" => Concat(node, inputs),
            "Flatten" or "Reshape" or "Squeeze" or "Unsqueeze" => Reshape(
                x, NewDims(node, x.Dims, inputs.Length > 1 ? inputs[1] as Constant : null, hasBatch: false)),
            _ => throw new Refusal("all its inputs are constant; fold constants before exporting"),
        };
    }

    /// <summary>Sides after Flatten, Reshape, Squeeze or Unsqueeze.</summary>
    /// <param name="node">The node.</param>
    /// <param name="dims">Sides before.</param>
    /// <param name="argument">Its second input: the shape or the axes.</param>
    /// <param name="hasBatch">Whether the first side is the batch, which squeezing leaves, whatever it is.</param>
    public static int[] NewDims(OnnxNode node, int[] dims, Constant? argument, bool hasBatch)
    {
        switch (node.Operator)
        {
            case "Flatten":
                int axis = Axis(node.Int("axis", 1), dims.Length, dims.Length);
                return [Product(dims[..axis]), Product(dims[axis..])];
            case "Reshape":
                return Resolve(
                    dims,
                    argument?.Integers() ?? throw new Refusal("its new shape is not constant"),
                    node.Flag("allowzero"));
            default:
                long[]? axes = argument?.Integers() ?? node.Ints("axes")?.Select(a => (long)a).ToArray();
                return node.Operator == "Squeeze" ? Squeeze(dims, axes, hasBatch) : Unsqueeze(dims, axes);
        }
    }

    /// <summary>
    /// The sides of a tensor, as a constant: exporters write a flattening as arithmetic on shapes, of which all but the
    /// batch is known.
    /// </summary>
    public static Constant ShapeOf(OnnxNode node, int[] dims) =>
        node.Int("start", 0) == 0 && node.Attribute("end") is null
            ? Constant.Vector(Array.ConvertAll(dims, side => (double)side))
            : throw new Refusal("only whole shapes can be taken; export with Flatten");

    private static Constant Map(Constant x, Func<double, double> function) =>
        new(x.Dims, Array.ConvertAll(x.Values, v => function(v)));

    private static Constant Combine(object[] inputs, Func<double, double, double> function)
    {
        if (inputs is not [Constant a, Constant b])
        {
            throw new Refusal("it has not two inputs; the file is damaged");
        }

        int rank = Math.Max(a.Dims.Length, b.Dims.Length);
        int[] Widened(int[] sides) => [.. Enumerable.Repeat(1, rank - sides.Length), .. sides];
        int[] left = Widened(a.Dims), right = Widened(b.Dims);
        if (left.Zip(right).Any(s => s.First != s.Second && s.First != 1 && s.Second != 1))
        {
            throw new Refusal($"{Signal.Describe(a.Dims)} and {Signal.Describe(b.Dims)} do not fit; the file is damaged");
        }

        int[] dims = [.. left.Zip(right, (l, r) => l == 1 ? r : l)];
        int size = Product(dims);
        // Broadcasting both ways may ask for far more than either holds.
        if (size > Math.Max(1 << 20, Math.Max(a.Values.Length, b.Values.Length)))
        {
            throw new Refusal("its constant result is too large; fold constants before exporting");
        }

        var values = new double[size];
        for (int i = 0; i < size; i++)
        {
            values[i] = function(a.Values[Offset(left, dims, i)], b.Values[Offset(right, dims, i)]);
        }

        return new Constant(dims, values);

        static int Offset(int[] own, int[] dims, int index)
        {
            int offset = 0, step = 1;
            for (int d = dims.Length - 1; d >= 0; d--)
            {
                offset += own[d] == 1 ? 0 : index % dims[d] * step;
                step *= own[d];
                index /= dims[d];
            }

            return offset;
        }
    }

    private static Constant Select(object[] inputs)
    {
        if (inputs is not [Constant condition, Constant yes, Constant no])
        {
            throw new Refusal("it has not three inputs; the file is damaged");
        }

        Constant difference = Combine([yes, no], (a, b) => a - b);
        return Combine([Combine([condition, difference], (c, d) => c != 0 ? d : 0), no], (a, b) => a + b);
    }

    private static Constant Dequantize(OnnxNode node, object[] inputs)
    {
        if (inputs is not [Constant x, Constant scale, ..] || (inputs.Length > 2 && inputs[2] is not Constant))
        {
            throw new Refusal("its scale or zero point is not constant");
        }

        Constant zero = inputs.Length > 2 ? (Constant)inputs[2] : Constant.Scalar(0);
        int axis = x.Dims.Length == 0 ? 0 : Axis(node.Int("axis", 1), x.Dims.Length, x.Dims.Length - 1);
        return Combine([Combine([x, Along(zero)], (v, z) => v - z), Along(scale)], (v, s) => v * s);

        // One number for each entry of an axis stands across the sides behind it.
        Constant Along(Constant parameter) => parameter.Values.Length == 1
            ? Constant.Scalar(parameter.Values[0])
            : new Constant(
                [parameter.Values.Length, .. Enumerable.Repeat(1, x.Dims.Length - 1 - axis)], parameter.Values);
    }

    private static Constant Gather(OnnxNode node, Constant x, Constant? indices)
    {
        if (indices is null || x.Dims.Length != 1 || node.Int("axis", 0) is not (0 or -1))
        {
            throw new Refusal("it is supported for the entries of a shape only");
        }

        return indices with
        {
            Values = Array.ConvertAll(indices.Integers(), i => x.Values[Axis(i, x.Values.Length, x.Values.Length - 1)]),
        };
    }

    private static Constant Concat(OnnxNode node, object[] inputs)
    {
        if (node.Int("axis", 0) is not (0 or -1) || inputs.Any(i => i is not Constant { Dims.Length: 1 }))
        {
            throw new Refusal("it is supported for the entries of a shape only");
        }

        return Constant.Vector([.. inputs.Cast<Constant>().SelectMany(c => c.Values)]);
    }

    private static int[] Resolve(int[] dims, long[] shape, bool allowZero)
    {
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
                case 0 when !allowZero && i < dims.Length:
                    result[i] = dims[i];
                    break;
                case > 0 and <= int.MaxValue:
                    result[i] = (int)shape[i];
                    break;
                default:
                    throw new Refusal($"its new shape {string.Join('x', shape)} is not valid; the file is damaged");
            }
        }

        if (open >= 0)
        {
            result[open] = Product(dims) / Product(result);
        }

        return result;
    }

    private static int[] Squeeze(int[] dims, long[]? axes, bool hasBatch)
    {
        if (axes is null)
        {
            return [.. dims.Where((side, i) => side != 1 || (hasBatch && i == 0))];
        }

        HashSet<int> dropped = [.. axes.Select(a => Axis(a, dims.Length, dims.Length - 1))];
        return dropped.All(a => dims[a] == 1)
            ? [.. dims.Where((_, i) => !dropped.Contains(i))]
            : throw new Refusal("it squeezes a side that is not 1; the file is damaged");
    }

    private static int[] Unsqueeze(int[] dims, long[]? axes)
    {
        if (axes is null || axes.Length > Constant.MostSides)
        {
            throw new Refusal("its axes are missing");
        }

        int rank = dims.Length + axes.Length;
        HashSet<int> added = [.. axes.Select(a => Axis(a, rank, rank - 1))];
        if (added.Count != axes.Length)
        {
            throw new Refusal("its axes are not distinct; the file is damaged");
        }

        var rest = new Queue<int>(dims);
        return [.. Enumerable.Range(0, rank).Select(i => added.Contains(i) ? 1 : rest.Dequeue())];
    }

    private static Constant Reshape(Constant x, int[] dims) => Product(dims) == x.Values.Length
        ? x with { Dims = dims }
        : throw new Refusal($"{Signal.Describe(x.Dims)} cannot be reshaped to {Signal.Describe(dims)}");

    private static Constant Transpose(Constant x, int[]? permutation)
    {
        int rank = x.Dims.Length;
        permutation ??= [.. Enumerable.Range(0, rank).Reverse()];
        if (!permutation.Order().SequenceEqual(Enumerable.Range(0, rank)))
        {
            throw new Refusal("its perm is no permutation; the file is damaged");
        }

        int[] steps = new int[rank];
        for (int i = rank - 1, step = 1; i >= 0; i--)
        {
            steps[i] = step;
            step *= x.Dims[i];
        }

        int[] dims = [.. permutation.Select(p => x.Dims[p])];
        var values = new double[x.Values.Length];
        for (int i = 0; i < values.Length; i++)
        {
            int rest = i, at = 0;
            for (int d = rank - 1; d >= 0; d--)
            {
                at += rest % dims[d] * steps[permutation[d]];
                rest /= dims[d];
            }

            values[i] = x.Values[at];
        }

        return new Constant(dims, values);
    }

    private static Constant ReadConstant(OnnxNode node)
    {
        if (node.Attribute("value") is { T: { } tensor })
        {
            return Constant.Read(tensor);
        }

        if (node.Attribute("value_float") is { } single)
        {
            return Constant.Scalar(single.F);
        }

        if (node.Attribute("value_floats") is { } floats)
        {
            return Constant.Vector([.. floats.Floats]);
        }

        if (node.Attribute("value_int") is { } integer)
        {
            return Constant.Scalar(integer.I);
        }

        return node.Attribute("value_ints") is { } integers
            ? Constant.Vector([.. integers.Ints])
            : throw new Refusal("it holds neither numbers nor a tensor of numbers");
    }

    private static int Axis(long axis, int rank, int most)
    {
        long resolved = axis < 0 ? axis + rank : axis;
        return resolved >= 0 && resolved <= most
            ? (int)resolved
            : throw new Refusal($"there is no axis or entry {axis} among {rank}; the file is damaged");
    }

    private static int Product(IEnumerable<int> dims)
    {
        Int128 product = 1;
        foreach (int side in dims)
        {
            product *= side;
            if (product > int.MaxValue)
            {
                throw new Refusal("a shape in it is too large");
            }
        }

        return (int)product;
    }
}
