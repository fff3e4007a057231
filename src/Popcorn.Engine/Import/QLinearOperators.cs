namespace Popcorn.Engine.Import;

/// <summary>Operators on quantized values: dequantized, computed in reals, quantized again.</summary>
internal static class QLinearOperators
{
    public static Signal Conv(OperatorCall call)
    {
        Constant weightScale = call.ConstantAt(4);
        Constant weights = Weights(call, 3, 4, 5, axis: 0);
        double scale = call.ConstantAt(1).Single;
        double[]? bias = call.OptionalAt(8)?.Values
            .Select((b, o) => b * scale * weightScale.Values[weightScale.Values.Length == 1 ? 0 : o]).ToArray();
        return Quantized(call, LinearOperators.Conv(call, Dequantized(call, 0), weights, bias), 6);
    }

    public static Signal MatMul(OperatorCall call)
    {
        int columns = call.ConstantAt(3).Dims.Length - 1;
        return Quantized(
            call, LinearOperators.MatMul(call, Dequantized(call, 0), Weights(call, 3, 4, 5, axis: columns)), 6);
    }

    /// <summary>Like QLinearConv without scales: integers that whatever reads them scales.</summary>
    public static Signal ConvInteger(OperatorCall call) => LinearOperators.Conv(
        call, WithoutZero(call), WeightsWithoutZero(call, axis: 0), bias: null) with
    { Type = ElementType.Int32 };

    public static Signal MatMulInteger(OperatorCall call)
    {
        Constant weights = WeightsWithoutZero(call, call.ConstantAt(1).Dims.Length - 1);
        return LinearOperators.MatMul(call, WithoutZero(call), weights) with { Type = ElementType.Int32 };
    }

    public static Signal Add(OperatorCall call) => Quantized(
        call, ElementwiseOperators.Sum(call, DequantizedValue(call, 0), DequantizedValue(call, 3)), 6);

    public static Signal GlobalAveragePool(OperatorCall call) => call.Node.Flag("channels_last")
        ? throw new NodeException("its channels come last; export the network with channels first")
        : Quantized(call, PoolingOperators.GlobalAveragePool(call, Dequantized(call, 0)), 3);

    public static Signal LeakyRelu(OperatorCall call) => Quantized(
        call, ActivationOperators.Leaky(call, Dequantized(call, 0), call.Node.Float("alpha", 0.01f)), 3);

    public static Signal Sigmoid(OperatorCall call)
    {
        Signal x = Dequantized(call, 0);
        return Quantized(call, x.Same(new FloatMonotone(call.Name, x.Node, MonotoneFunction.Sigmoid)), 3);
    }

    /// <summary>The scale and zero point of the result stand before the parts.</summary>
    public static Signal Concat(OperatorCall call)
    {
        int count = (call.Inputs.Length - 2) / 3;
        Signal[] parts = [.. Enumerable.Range(0, count).Select(i => Dequantized(call, 2 + 3 * i))];
        return Quantized(call, ShapeOperators.Concat(call, parts), 0);
    }

    /// <summary>A signal with its scale and zero point behind it.</summary>
    private static Signal Dequantized(OperatorCall call, int index) => QuantizationOperators.Dequantized(
        call, call.SignalAt(index), call.ConstantAt(index + 1), call.OptionalAt(index + 2), axis: 1);

    private static GraphValue DequantizedValue(OperatorCall call, int index) => call.Inputs[index] is Constant
        ? Weights(call, index, index + 1, index + 2, axis: 0)
        : Dequantized(call, index);

    private static Signal Quantized(OperatorCall call, Signal x, int index) => QuantizationOperators.Quantized(
        call, x, call.ConstantAt(index), call.OptionalAt(index + 1), axis: 1);

    private static Constant Weights(OperatorCall call, int index, int scale, int zero, int axis)
    {
        Constant weights = call.ConstantAt(index);
        return QuantizationOperators.Dequantized(
            weights, QuantizationOperators.Along(call.ConstantAt(scale), weights.Dims, axis),
            QuantizationOperators.Along(call.OptionalAt(zero) ?? Constant.Scalar(0), weights.Dims, axis));
    }

    private static Signal WithoutZero(OperatorCall call)
    {
        Signal x = call.SignalAt(0);
        return call.OptionalAt(2) is { } zero && !Array.TrueForAll(zero.Values, z => z == 0)
            ? x.Scaled(call.Name, 1, -zero.Single)
            : x;
    }

    private static Constant WeightsWithoutZero(OperatorCall call, int axis)
    {
        Constant weights = call.ConstantAt(1);
        return call.OptionalAt(3) is { } zero
            ? ConstantFolding.Combine(
                weights, QuantizationOperators.Along(zero, weights.Dims, axis), (w, z) => w - z)
            : weights;
    }
}
