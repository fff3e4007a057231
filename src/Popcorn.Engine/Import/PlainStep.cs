namespace Popcorn.Engine.Import;

/// <summary>
/// The measure of how finely weights are to be rounded: what is lost where real weights are rounded, each row relative
/// to its largest, and nothing else is done to a network.
/// </summary>
/// <param name="largestWeight">The largest integer that a weight is rounded to.</param>
internal sealed class PlainStep(int largestWeight)
{
    /// <summary>
    /// The step with which a row, on the integers it reads, has the error that it would have if its real weights were
    /// rounded to the wanted bits and what they multiply had no scales (0 where nothing is multiplied), and the sum of
    /// the squares of what is multiplied.
    /// </summary>
    public (double Step, double Squares) OfRow(FoldedLinear layer, int row)
    {
        double largest = 0, real = 0, integer = 0;
        ReadOnlySpan<double> weights = layer.WeightsOf(row);
        for (int i = 0; i < weights.Length; i++)
        {
            if (weights[i] != 0)
            {
                int channel = layer.InputChannelOf(row, i);
                double scale = layer.Source.Scales[channel], size = layer.Source.Size(channel);
                largest = Math.Max(largest, Math.Abs(weights[i]) / scale);
                real += size * size * scale * scale;
                integer += size * size;
            }
        }

        return integer > 0 ? (largest / largestWeight * Math.Sqrt(real / integer), integer) : (0, 0);
    }

    /// <summary>The common step with which all rows together have that error.</summary>
    public double OfLayer(FoldedLinear layer)
    {
        (double Step, double Squares)[] rows =
            [.. Enumerable.Range(0, layer.Channels).Select(o => OfRow(layer, o))];
        double squares = rows.Sum(r => r.Squares);
        return squares > 0 ? Math.Sqrt(rows.Sum(r => r.Step * r.Step * (r.Squares / squares))) : 0;
    }
}
