namespace Popcorn.Engine.Tests.Import;

/// <summary>
/// A network whose weights are rounded to a few bits, relative to the largest of their output channel, and nothing
/// else: what an import at that many bits cannot be blamed for.
/// </summary>
internal static class RoundedWeights
{
    /// <summary>Rounds.</summary>
    /// <param name="onnx">The network.</param>
    /// <param name="bits">Bits of a weight, sign included.</param>
    /// <param name="used">Share of the largest integer that the largest weight becomes.</param>
    public static byte[] Of(byte[] onnx, int bits, double used = 1) => NetworkWeights.Edit(onnx, weights =>
    {
        double largest = used * ((1 << (bits - 1)) - 1);
        foreach (NetworkWeights.Layer layer in weights.Layers)
        {
            foreach (int[] places in layer.PlacesByChannel())
            {
                double step = places.Max(i => Math.Abs(layer.Values[i])) / largest;
                foreach (int i in places.Where(_ => step > 0))
                {
                    layer.Values[i] = Math.Round(layer.Values[i] / step) * step;
                }
            }
        }
    });
}
