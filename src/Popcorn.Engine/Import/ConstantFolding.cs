namespace Popcorn.Engine.Import;

/// <summary>The operators on constants alone.</summary>
internal static class ConstantFolding
{
    /// <summary>Broadcasting and joining may ask for far more than any of the constants holds.</summary>
    private const int MostGrown = 1 << 20;

    /// <summary>A function of each element.</summary>
    public static Func<OperatorCall, Constant> Each(Func<double, double> function) =>
        call => call.ConstantAt(0).Map(function);

    /// <summary>A function of the elements of two constants that lie in one place.</summary>
    public static Func<OperatorCall, Constant> Pairs(Func<double, double, double> function) => call =>
        call.Inputs is [Constant a, Constant b]
            ? Combine(a, b, function)
            : throw new NodeException("it has not two inputs; the file is damaged");

    public static Constant Combine(Constant a, Constant b, Func<double, double, double> function)
    {
        int rank = Math.Max(a.Dims.Length, b.Dims.Length);
        int[] left = Widened(a), right = Widened(b);
        if (left.Zip(right).Any(s => s.First != s.Second && s.First != 1 && s.Second != 1))
        {
            throw new NodeException(
                $"{Dimensions.Describe(a.Dims)} and {Dimensions.Describe(b.Dims)} do not fit; the file is damaged");
        }

        int[] dims = [.. left.Zip(right, (l, r) => l == 1 ? r : l)];
        int size = Dimensions.Product(dims);
        RequireSize(size, a, b);

        int[] leftSteps = StepsOf(left), rightSteps = StepsOf(right);
        var values = new double[size];
        for (int i = 0; i < size; i++)
        {
            values[i] = function(
                a.Values[Dimensions.Offset(i, dims, leftSteps)], b.Values[Dimensions.Offset(i, dims, rightSteps)]);
        }

        return new Constant(dims, values);

        int[] Widened(Constant c) => [.. Enumerable.Repeat(1, rank - c.Dims.Length), .. c.Dims];

        static int[] StepsOf(int[] own) => [.. Dimensions.Steps(own).Select((step, d) => own[d] == 1 ? 0 : step)];
    }

    public static Constant Where(OperatorCall call)
    {
        if (call.Inputs is not [Constant condition, Constant yes, Constant no])
        {
            throw new NodeException("it has not three inputs; the file is damaged");
        }

        Constant difference = Combine(yes, no, (a, b) => a - b);
        return Combine(Combine(condition, difference, (c, d) => c != 0 ? d : 0), no, (a, b) => a + b);
    }

    public static Constant Gather(OperatorCall call)
    {
        Constant x = call.ConstantAt(0);
        if (call.Inputs is not [_, Constant indices, ..] || x.Dims.Length != 1 || !IsFirstAxis(call))
        {
            throw new NodeException("it is supported for the entries of a shape only");
        }

        int count = x.Values.Length;
        return indices with
        {
            Values = Array.ConvertAll(indices.Integers(), i => x.Values[Dimensions.Axis(i, count, count - 1)]),
        };
    }

    public static Constant Concat(OperatorCall call)
    {
        Constant[] parts = [.. call.Inputs.OfType<Constant>().Where(c => c.Dims.Length == 1)];
        if (parts.Length == 0 || parts.Length < call.Inputs.Length || !IsFirstAxis(call))
        {
            throw new NodeException("it is supported for the entries of a shape only");
        }

        RequireSize(parts.Sum(c => (long)c.Values.Length), parts);
        return Constant.Vector([.. parts.SelectMany(c => c.Values)]);
    }

    public static Constant Transpose(OperatorCall call)
    {
        Constant x = call.ConstantAt(0);
        int[] permutation = call.Node.Permutation(x.Dims.Length);
        int[] dims = Dimensions.Permuted(x.Dims, permutation);
        int[] steps = Dimensions.Steps(x.Dims);
        int[] permuted = Array.ConvertAll(permutation, p => steps[p]);
        return new Constant(
            dims, [.. x.Values.Select((_, i) => x.Values[Dimensions.Offset(i, dims, permuted)])]);
    }

    /// <summary>What a Constant node holds.</summary>
    public static Constant Held(OperatorCall call)
    {
        OnnxNode node = call.Node;
        return node.Attribute("value") is { T: { } tensor } ? Constant.Read(tensor)
            : node.Attribute("value_float") is { } real ? Constant.Scalar(real.F)
            : node.Attribute("value_floats") is { } reals ? Constant.Vector([.. reals.Floats])
            : node.Attribute("value_int") is { } integer ? Constant.Scalar(integer.I)
            : node.Attribute("value_ints") is { } integers ? Constant.Vector([.. integers.Ints])
            : throw new NodeException("it holds neither numbers nor a tensor of numbers");
    }

    /// <summary>Refuses a result before memory is taken for it.</summary>
    private static void RequireSize(long size, params ReadOnlySpan<Constant> sources)
    {
        int most = MostGrown;
        foreach (Constant source in sources)
        {
            most = Math.Max(most, source.Values.Length);
        }

        if (size > most)
        {
            throw new NodeException("its constant result is too large; fold constants before exporting");
        }
    }

    private static bool IsFirstAxis(OperatorCall call) => call.Node.Int("axis", 0) is 0 or -1;
}
