namespace Popcorn.Engine.Import;

/// <summary>How quantized networks write activations and weights.</summary>
internal static class QuantizationOperators
{
    /// <summary>
    /// Activations are exact here and need no rounding. Of their range only a lower end at 0 is kept: it is how
    /// quantized networks write ReLU. The other ends are where values of the training data hardly go.
    /// </summary>
    public static Signal QuantizeLinear(OperatorCall call)
    {
        Signal x = call.SignalAt(0);
        Constant? zeroPoint = call.OptionalAt(2);
        call.Report(
            $"QuantizeLinear '{call.Name}' was dropped: activations need no rounding here"
            + " (accuracy may differ a little from that of the quantized network).");
        bool startsAtZero = zeroPoint is null || Array.TrueForAll(zeroPoint.Values, v => v == zeroPoint.LeastOfType);
        return startsAtZero && x.Node is not (FloatInput or FloatRelu or FloatMaxPool { WithZero: true })
            ? ActivationOperators.Relu(call, x)
            : x;
    }

    /// <summary>(x − zero point)·scale of constants.</summary>
    public static Constant Dequantized(OperatorCall call)
    {
        if (call.Inputs is not ([Constant, Constant] or [Constant, Constant, Constant, ..]))
        {
            throw new NodeException("its scale or zero point is not constant");
        }

        Constant x = call.ConstantAt(0);
        Constant zero = call.OptionalAt(2) ?? Constant.Scalar(0);
        int axis = x.Dims.Length == 0 ? 0 : Dimensions.Axis(call.Node.Int("axis", 1), x.Dims.Length, x.Dims.Length - 1);
        Constant shifted = ConstantFolding.Combine(x, Along(zero), (v, z) => v - z);
        return ConstantFolding.Combine(shifted, Along(call.ConstantAt(1)), (v, s) => v * s);

        // One number for each entry of an axis stands across the sides behind it.
        Constant Along(Constant parameter) => parameter.Values.Length == 1
            ? Constant.Scalar(parameter.Values[0])
            : new Constant(
                [parameter.Values.Length, .. Enumerable.Repeat(1, x.Dims.Length - 1 - axis)], parameter.Values);
    }
}
