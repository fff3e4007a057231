namespace Popcorn.Engine.Import;

/// <summary>A constant tensor: initializer, Constant node, or what was folded from them.</summary>
/// <param name="Dims">Its sides; none for a scalar.</param>
/// <param name="Values">Its elements, the last side fastest. Integers beyond 2^53 lose their last bits.</param>
internal sealed record Constant(int[] Dims, double[] Values) : GraphValue
{
    /// <summary>Most sides that a tensor may have.</summary>
    public const int MostSides = 8;

    /// <summary>What its elements are in the file: it decides how they divide and where they saturate.</summary>
    public ElementType Type { get; init; } = ElementType.Float;

    /// <summary>Its only element.</summary>
    public double Single => Values.Length == 1 ? Values[0] : throw new NodeException("a single constant was expected");

    public static Constant Scalar(double value) => new([], [value]);

    public static Constant Vector(double[] values) => new([values.Length], values);

    /// <summary>Sizes and indices.</summary>
    public static Constant Whole(params long[] values) =>
        Vector(Array.ConvertAll(values, v => (double)v)) with { Type = ElementType.Int64 };

    /// <summary>Its elements as integers: a shape, or axes. The greatest stand for "up to the end".</summary>
    public long[] Integers() => Array.ConvertAll(Values, v => double.IsInteger(v)
        ? v >= long.MaxValue ? long.MaxValue : v <= long.MinValue ? long.MinValue : (long)v
        : throw new NodeException($"{v} is no integer"));

    public Constant Map(Func<double, double> function) =>
        this with { Values = Array.ConvertAll(Values, v => function(v)) };

    /// <summary>The same elements with other sides.</summary>
    public Constant Reshaped(Func<int[], int[]> newDims)
    {
        int[] dims = newDims(Dims);
        return Dimensions.Product(dims) == Values.Length
            ? this with { Dims = dims }
            : throw NodeException.Reshaping(Dims, dims);
    }
}
