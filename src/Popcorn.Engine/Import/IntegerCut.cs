using System.Numerics;
using Popcorn.Engine.Model;

namespace Popcorn.Engine.Import;

/// <summary>A comparison of integers: factor·x + bias ≥ 0.</summary>
/// <param name="Factor">1, −1, or 0 where it always says the same.</param>
/// <param name="Bias">The bias.</param>
internal readonly record struct IntegerCut(int Factor, BigInteger Bias)
{
    /// <summary>Whether it is x ≥ 0.</summary>
    public bool IsSign => Factor == 1 && Bias.IsZero;

    /// <summary>The cut on x that decides as a real cut does on scale·x + offset, ties included.</summary>
    public static IntegerCut Of(Cut cut, double scale, double offset, string node)
    {
        if (double.IsInfinity(cut.Threshold))
        {
            bool always = double.IsNegativeInfinity(cut.Threshold) != cut.Below;
            return new IntegerCut(0, always ? 0 : -1);
        }

        double threshold = (cut.Threshold - offset) / scale;
        return cut.Below
            ? new IntegerCut(-1, Rounding.Floor(threshold, node))
            : new IntegerCut(1, -Rounding.Ceiling(threshold, node));
    }

    /// <summary>Where it is not passed: −(factor·x + bias) − 1 ≥ 0.</summary>
    public IntegerCut Not() => new(-Factor, -Bias - 1);

    /// <summary>
    /// The same step function with positive heights, and with cuts that say the same in all channels made one.
    /// </summary>
    public static (IntegerCut[] Cuts, double Low, double[] Heights) Simplify(
        IntegerCut[] cuts, double low, double[] heights, int channels)
    {
        var kept = new List<(IntegerCut[] OfChannels, double Height)>();
        for (int k = 0; k < heights.Length; k++)
        {
            int step = k;
            IntegerCut[] own = [.. Enumerable.Range(0, channels).Select(c => cuts[c * heights.Length + step])];
            double height = heights[k];
            if (height < 0)
            {
                own = Array.ConvertAll(own, cut => cut.Not());
                low += height;
                height = -height;
            }

            int same = kept.FindIndex(other => other.OfChannels.AsSpan().SequenceEqual(own));
            if (same >= 0)
            {
                kept[same] = (own, kept[same].Height + height);
            }
            else
            {
                kept.Add((own, height));
            }
        }

        IntegerCut[] flat = [.. Enumerable.Range(0, channels).SelectMany(c => kept.Select(k => k.OfChannels[c]))];
        return (flat, low, [.. kept.Select(k => k.Height)]);
    }

    /// <summary>A linear layer that computes factor·x + bias in place of x.</summary>
    public static LinearLayer Join(LinearLayer layer, IntegerCut[] cuts) => layer with
    {
        Weights = [.. layer.Weights.Select((w, i) => w * cuts[i / layer.WeightsPerOutput].Factor)],
        Bias = [.. layer.Bias.Select((b, o) => b * cuts[o].Factor + cuts[o].Bias)],
        Padding = [.. layer.Padding.Select((p, i) => p * cuts[i / layer.Window.Taps].Factor)],
    };
}
