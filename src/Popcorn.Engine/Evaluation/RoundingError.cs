using Popcorn.Engine.Model;

namespace Popcorn.Engine.Evaluation;

/// <summary>
/// How far the logits of an oblivious inference can be from those in plaintext: nowhere but where a network rescales
/// values (<see cref="RescaleLayer"/>), which rounds at random on one side and to the nearest on the other.
/// </summary>
internal static class RoundingError
{
    /// <summary>
    /// A bound on the difference of any logit, in integer units, over all inputs and all ways to round; 0 where the
    /// network is exact. Far above what is seen, because errors do not all add up; infinite where a rescaled value is
    /// compared.
    /// </summary>
    public static double Of(IntegerNetwork network)
    {
        Bounds bounds = Bounds.Of(network);
        var errors = new double[network.Layers.Count + 1];
        for (int i = 0; i < network.Layers.Count; i++)
        {
            Layer layer = network.Layers[i];
            double error = errors[layer.Input];
            errors[i + 1] = layer switch
            {
                LinearLayer linear => error == 0 ? 0 : error * LargestSum(linear),
                AddLayer add => error * Largest(add.Factors) + errors[add.Second] * Largest(add.SecondFactors),
                ConcatLayer => layer.Inputs.Max(value => errors[value]),
                RescaleLayer rescale => error / Math.Pow(2, rescale.Shift) + 1,
                ShiftLayer shift => Math.Ceiling(error / Math.Pow(2, shift.Shift)),
                SignLayer => error == 0 ? 0 : double.PositiveInfinity,
                SquareLayer => error * (2 * Math.Pow(2, bounds.Hull(layer.Input).MagnitudeBits) + error),
                ReluLayer or ClipLayer or MaxPoolLayer => error,
                _ => throw new NotSupportedException(
                    $"No bound of errors is defined for a layer of kind {layer.Kind}."),
            };
        }

        return errors[^1];
    }

    private static double Largest(int[] factors) => factors.Max(f => Math.Abs((double)f));

    private static double LargestSum(LinearLayer layer) => Enumerable.Range(0, layer.Output.Channels)
        .Max(channel =>
        {
            double sum = 0;
            foreach (int weight in layer.WeightsOf(channel))
            {
                sum += Math.Abs((double)weight);
            }

            return sum;
        });
}
