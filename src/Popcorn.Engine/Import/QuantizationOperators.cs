namespace Popcorn.Engine.Import;

/// <summary>
/// How quantized networks write activations and weights. An integer of the file is a real x/scale + zero point here: it
/// is not rounded, for activations are exact, but it saturates as the file's does.
/// </summary>
internal static class QuantizationOperators
{
    private static readonly Constant Zero = Constant.Scalar(0);

    public static Signal QuantizeLinear(OperatorCall call) => Quantized(
        call, call.SignalAt(0), call.ConstantAt(1), call.OptionalAt(2), call.Node.Int("axis", 1));

    public static Signal DequantizeLinear(OperatorCall call) => Dequantized(
        call, call.SignalAt(0), call.ConstantAt(1), call.OptionalAt(2), call.Node.Int("axis", 1));

    /// <summary>x/scale + zero point, between the least and the greatest number of the type.</summary>
    public static Signal Quantized(OperatorCall call, Signal x, Constant scale, Constant? zero, int axis)
    {
        RequireWholeAxis(call);
        call.Report(
            $"The rounding of {call.Node.Operator} '{call.Name}' was dropped: activations are exact here (accuracy may "
            + "differ a little from that of the quantized network).");
        ElementType type = TypeOf(call, zero);
        (double least, double greatest) = ElementTypes.RangeOf(type);
        Constant inverse = Along(scale, x.Dims, axis).Map(s => 1 / s);
        Signal scaled = ElementwiseOperators.Affine(call, x, inverse, Along(zero ?? Zero, x.Dims, axis));
        return ActivationOperators.Clip(call, scaled, least, greatest) with { Type = type };
    }

    /// <summary>(x − zero point)·scale.</summary>
    public static Signal Dequantized(OperatorCall call, Signal x, Constant scale, Constant? zero, int axis)
    {
        RequireWholeAxis(call);
        Constant along = Along(scale, x.Dims, axis);
        Constant shift = ConstantFolding.Combine(along, Along(zero ?? Zero, x.Dims, axis), (s, z) => -z * s);
        return ElementwiseOperators.Affine(call, x, along, shift) with { Type = ElementType.Float };
    }

    /// <summary>Of constants, rounded to the nearest, halves to even.</summary>
    public static Constant QuantizedConstant(OperatorCall call)
    {
        (Constant x, Constant scale, Constant zero) = Parameters(call);
        ElementType type = TypeOf(call, call.OptionalAt(2));
        (double least, double greatest) = ElementTypes.RangeOf(type);
        Constant ratio = ConstantFolding.Combine(x, scale, (v, s) => (double)Math.Round((float)v / (float)s));
        return ConstantFolding.Combine(ratio, zero, (v, z) => Math.Clamp(v + z, least, greatest)) with { Type = type };
    }

    public static Constant DequantizedConstant(OperatorCall call)
    {
        (Constant x, Constant scale, Constant zero) = Parameters(call);
        return Dequantized(x, scale, zero);
    }

    public static Constant Dequantized(Constant x, Constant scale, Constant zero) => ConstantFolding.Combine(
        ConstantFolding.Combine(x, zero, (v, z) => v - z), scale, (v, s) => v * s) with
    { Type = ElementType.Float };

    /// <summary>
    /// Scale and zero point that follow the values of each image: 1 and 0 stand for them, with values as they are, for
    /// such values never saturate and all that reads them undoes scale and zero point.
    /// </summary>
    public static GraphValue DynamicQuantizeLinear(OperatorCall call)
    {
        call.Report(
            $"The rounding of {call.Node.Operator} '{call.Name}' was dropped: activations are exact here (accuracy may "
            + "differ a little from that of the quantized network).");
        return new Several(
        [
            call.SignalAt(0) with { Type = ElementType.UInt8 }, Constant.Scalar(1),
            Zero with { Type = ElementType.UInt8 },
        ]);
    }

    /// <summary>One number for each entry of an axis stands across the sides behind it.</summary>
    public static Constant Along(Constant parameter, int[] dims, int axis)
    {
        if (parameter.Values.Length == 1)
        {
            return parameter with { Dims = [] };
        }

        int side = Dimensions.Axis(axis, dims.Length, dims.Length - 1);
        return parameter.Dims.Length == 1 && parameter.Values.Length == dims[side]
            ? parameter with { Dims = [dims[side], .. Enumerable.Repeat(1, dims.Length - 1 - side)] }
            : throw new NodeException(
                $"its scale or zero point of {Dimensions.Describe(parameter.Dims)} does not fit "
                + $"{Dimensions.Describe(dims)} along axis {side}; the file is damaged");
    }

    private static (Constant X, Constant Scale, Constant Zero) Parameters(OperatorCall call)
    {
        Constant x = call.ConstantAt(0), scale = call.ConstantAt(1), zero = call.OptionalAt(2) ?? Zero;
        int axis = call.Node.Int("axis", 1);
        int block = call.Node.Int("block_size", 0);
        return block == 0
            ? (x, Along(scale, x.Dims, axis), Along(zero, x.Dims, axis))
            : (x, Blocks(scale, x.Dims, axis, block), zero.Values.Length == 1
                ? zero with { Dims = [] }
                : Blocks(zero, x.Dims, axis, block));
    }

    /// <summary>One number for each block of entries of an axis, repeated for each entry.</summary>
    private static Constant Blocks(Constant parameter, int[] dims, int axis, int block)
    {
        int side = Dimensions.Axis(axis, dims.Length, dims.Length - 1);
        int[] blocks = [.. dims];
        blocks[side] = block < 1 ? 0 : (dims[side] + block - 1) / block;
        if (!parameter.Dims.AsSpan().SequenceEqual(blocks))
        {
            throw new NodeException(
                $"its scale or zero point of {Dimensions.Describe(parameter.Dims)} does not fit blocks of {block}; the "
                + "file is damaged");
        }

        return ConstantShapes.Taken(parameter, side, [.. Enumerable.Range(0, dims[side]).Select(i => i / block)]);
    }

    /// <summary>The type of what is quantized: the zero point's, or one that the node names.</summary>
    private static ElementType TypeOf(OperatorCall call, Constant? zero) =>
        (zero?.Type ?? (ElementType)call.Node.Int("output_dtype", 0)) is var type && type.IsInteger() ? type
        : type == ElementType.Undefined ? ElementType.UInt8
        : throw new NodeException($"it quantizes to {ElementTypes.Name(type)}; only integer types can be imported");

    private static void RequireWholeAxis(OperatorCall call)
    {
        if (call.Node.Int("block_size", 0) != 0)
        {
            throw new NodeException("its scales belong to blocks; only those of whole channels can be imported here");
        }
    }
}
