namespace Popcorn.Engine.Import;

/// <summary>The operators that compute, on constants alone.</summary>
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

    /// <summary>The same for a function that says yes (1) or no (0).</summary>
    public static Func<OperatorCall, Constant> Tests(Func<double, double, bool> function) => call =>
        Pairs((a, b) => function(a, b) ? 1 : 0)(call) with { Type = ElementType.Bool };

    /// <summary>A function of two, applied to all inputs one after the other.</summary>
    public static Func<OperatorCall, Constant> All(Func<double, double, double> function) => call =>
        Enumerable.Range(1, call.Inputs.Length - 1)
            .Aggregate(call.ConstantAt(0), (sum, i) => Combine(sum, call.ConstantAt(i), function));

    public static Constant Combine(Constant a, Constant b, Func<double, double, double> function)
    {
        int[] dims = Dimensions.Broadcast(a.Dims, b.Dims);
        int size = Dimensions.Product(dims);
        RequireSize(size, a, b);
        int[] leftSteps = Dimensions.BroadcastSteps(a.Dims, dims.Length);
        int[] rightSteps = Dimensions.BroadcastSteps(b.Dims, dims.Length);
        var values = new double[size];
        for (int i = 0; i < size; i++)
        {
            values[i] = function(
                a.Values[Dimensions.Offset(i, dims, leftSteps)], b.Values[Dimensions.Offset(i, dims, rightSteps)]);
        }

        return a with { Dims = dims, Values = values };
    }

    /// <summary>Integers divide towards zero.</summary>
    public static Constant Div(OperatorCall call)
    {
        Constant quotient = Pairs((a, b) => a / b)(call);
        return quotient.Type.IsInteger() ? quotient.Map(Math.Truncate) : quotient;
    }

    /// <summary>The rest has the divisor's sign, or with fmod the dividend's.</summary>
    public static Constant Mod(OperatorCall call) => call.Node.Flag("fmod")
        ? Pairs((a, b) => a % b)(call)
        : Pairs((a, b) => a - b * Math.Floor(a / b))(call);

    public static Constant Mean(OperatorCall call) => All((a, b) => a + b)(call).Map(v => v / call.Inputs.Length);

    public static Constant Clip(OperatorCall call)
    {
        double low = call.OptionalAt(1)?.Single ?? call.Node.Float("min", double.NegativeInfinity);
        double high = call.OptionalAt(2)?.Single ?? call.Node.Float("max", double.PositiveInfinity);
        return call.ConstantAt(0).Map(v => Math.Min(Math.Max(v, low), high));
    }

    public static Constant Cast(OperatorCall call)
    {
        Constant x = call.ConstantAt(0);
        ElementType type = ElementTypes.Of(call.Node.Int("to", 0));
        Func<double, double> cast = type == ElementType.Bool ? v => v != 0 ? 1 : 0
            : type.IsInteger() ? Math.Truncate
            : v => v;
        return x.Map(cast) with { Type = type };
    }

    public static Constant Where(OperatorCall call)
    {
        if (call.Inputs is not [Constant condition, Constant yes, Constant no])
        {
            throw new NodeException("it has not three inputs; the file is damaged");
        }

        // Each spread out to all three, so that infinities are selected and not added up.
        Constant chosen = Combine(Combine(yes, condition, (y, c) => c != 0 ? y : double.NaN), no, (y, _) => y);
        Constant other = Combine(Combine(no, condition, (n, c) => c != 0 ? double.NaN : n), yes, (n, _) => n);
        return chosen with { Values = [.. chosen.Values.Zip(other.Values, (y, n) => double.IsNaN(y) ? n : y)] };
    }

    /// <summary>A sum, product, mean or extreme along axes.</summary>
    public static Func<OperatorCall, Constant> Reduce(Func<IEnumerable<double>, double> reduce) => call =>
    {
        Constant x = call.ConstantAt(0);
        int rank = x.Dims.Length;
        HashSet<int> axes = [.. Dimensions.ReducedAxes(call, rank)];
        int[] order = [.. Enumerable.Range(0, rank).OrderBy(axes.Contains)];
        int count = Dimensions.Product(axes.Select(a => x.Dims[a]));
        bool keeps = call.Node.Int("keepdims", 1) != 0;
        int[] dims = [.. Enumerable.Range(0, rank).Where(a => keeps || !axes.Contains(a))
            .Select(a => axes.Contains(a) ? 1 : x.Dims[a])];
        double[] sorted = ConstantShapes.Transposed(x, order).Values;
        return x with
        {
            Dims = dims,
            Values = count == 0 ? [] : [.. sorted.Chunk(count).Select(reduce)],
        };
    };

    /// <summary>What a Constant node holds.</summary>
    public static Constant Held(OperatorCall call)
    {
        OnnxNode node = call.Node;
        return node.Attribute("value") is { T: { } tensor } ? Constant.Of(tensor, call.External)
            : node.Attribute("value_float") is { } real ? Constant.Scalar(real.F)
            : node.Attribute("value_floats") is { } reals ? Constant.Vector([.. reals.Floats])
            : node.Attribute("value_int") is { } integer ? Constant.Whole(integer.I) with { Dims = [] }
            : node.Attribute("value_ints") is { } integers ? Constant.Whole([.. integers.Ints])
            : throw new NodeException("it holds neither numbers nor a tensor of numbers");
    }

    /// <summary>Refuses a result before memory is taken for it.</summary>
    public static void RequireSize(long size, params ReadOnlySpan<Constant> sources)
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
}
