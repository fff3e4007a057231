namespace Popcorn.Engine.Import;

/// <summary>
/// Broadcasting as it was before operator set 7: a second input lies along the sides of the first from an axis on.
/// </summary>
internal static class OldBroadcast
{
    /// <summary>The inputs, the second with the sides that today's rules of broadcasting want.</summary>
    public static GraphValue[] Applied(OnnxNode node, GraphValue[] inputs)
    {
        bool applies = node.OperatorSet < 7 && node.Flag("broadcast") && node.Attribute("axis") is not null;
        if (!applies || inputs is not [Signal or Constant, Constant second])
        {
            return inputs;
        }

        int[] dims = inputs[0] is Signal x ? x.Dims : ((Constant)inputs[0]).Dims;
        int axis = Dimensions.Axis(node.Int("axis", 0), dims.Length, dims.Length - 1);
        int behind = dims.Length - axis - second.Dims.Length;
        return behind >= 0
            ? [inputs[0], second.Reshaped(own => [.. own, .. Enumerable.Repeat(1, behind)])]
            : throw new NodeException(
                $"{Dimensions.Describe(second.Dims)} does not fit {Dimensions.Describe(dims)} from axis {axis} on; the "
                + "file is damaged");
    }
}
