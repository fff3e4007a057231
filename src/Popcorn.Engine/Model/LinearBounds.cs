using System.Numerics;

namespace Popcorn.Engine.Model;

/// <summary>Bounds of a linear layer's output channels: sums of w·[low, high] over what its windows see.</summary>
internal sealed class LinearBounds
{
    private readonly LinearLayer _layer;
    private readonly Interval[] _channels;
    private readonly Presence[] _presence; // of each tap
    private readonly int _inputs; // of a group
    private readonly int _outputs; // of a group

    /// <param name="layer">The layer.</param>
    /// <param name="source">Shape of what it reads.</param>
    /// <param name="channels">Bounds of its channels.</param>
    public LinearBounds(LinearLayer layer, Shape source, Interval[] channels)
    {
        _layer = layer;
        _channels = channels;
        _inputs = source.Channels / layer.Groups;
        _outputs = layer.Output.Channels / layer.Groups;
        Window w = layer.Window;
        Presence[] rows = Along(w.KernelHeight, w.StrideY, w.DilationY, w.PadTop, w.OutputHeight, source.Height);
        Presence[] columns = Along(w.KernelWidth, w.StrideX, w.DilationX, w.PadLeft, w.OutputWidth, source.Width);
        _presence = [.. rows.SelectMany(row => columns.Select(column => row < column ? row : column))];
    }

    /// <summary>Whether a tap sees the plane from no output position, from some, or from all.</summary>
    private enum Presence
    {
        Never,
        Sometimes,
        Always,
    }

    /// <summary>The bounds, one for each output channel.</summary>
    public Interval[] OfRows() => [.. Enumerable.Range(0, _layer.Output.Channels)
        .Select(row => _layer.Padding.Length > 0 ? OfPaddedRow(row) : OfRow(row))];

    /// <summary>Weights of one input channel with the same sign and the same presence share one wide product.</summary>
    private Interval OfRow(int row)
    {
        BigInteger low = _layer.Bias[row];
        BigInteger high = low;
        for (int input = 0; input < _inputs; input++)
        {
            long positive = 0, negative = 0, sometimesPositive = 0, sometimesNegative = 0;
            ReadOnlySpan<int> weights = _layer.WeightsOf(row, input);
            for (int tap = 0; tap < weights.Length; tap++)
            {
                long above = Math.Max(0, weights[tap]), below = Math.Min(0, weights[tap]);
                if (_presence[tap] == Presence.Always)
                {
                    positive += above;
                    negative += below;
                }
                else if (_presence[tap] == Presence.Sometimes)
                {
                    sometimesPositive += above;
                    sometimesNegative += below;
                }
            }

            Interval always = ChannelOf(row, input);
            Interval sometimes = always.HullWithZero();
            low += positive * always.Low + negative * always.High
                + sometimesPositive * sometimes.Low + sometimesNegative * sometimes.High;
            high += positive * always.High + negative * always.Low
                + sometimesPositive * sometimes.High + sometimesNegative * sometimes.Low;
        }

        return new Interval(low, high);
    }

    /// <summary>The same where a tap outside the plane adds a number of its own: tap by tap.</summary>
    private Interval OfPaddedRow(int row)
    {
        var sum = new Interval(_layer.Bias[row], _layer.Bias[row]);
        for (int tap = 0; tap < _presence.Length; tap++)
        {
            BigInteger padding = _layer.Padding[row * _presence.Length + tap];
            var absent = new Interval(padding, padding);
            Interval present = default;
            for (int input = 0; input < _inputs && _presence[tap] != Presence.Never; input++)
            {
                int weight = _layer.WeightsOf(row, input)[tap];
                if (weight != 0)
                {
                    present = present.Plus(ChannelOf(row, input).Times(weight));
                }
            }

            sum = sum.Plus(_presence[tap] switch
            {
                Presence.Never => absent,
                Presence.Sometimes => present.Hull(absent),
                Presence.Always => present,
            });
        }

        return sum;
    }

    private Interval ChannelOf(int row, int input) => _channels[row / _outputs * _inputs + input];

    private static Presence[] Along(int kernel, int stride, int dilation, int pad, int outputs, int size)
    {
        var result = new Presence[kernel];
        for (int tap = 0; tap < kernel; tap++)
        {
            int present = Enumerable.Range(0, outputs)
                .Count(output => (uint)(output * stride - pad + tap * dilation) < (uint)size);
            result[tap] = present == 0 ? Presence.Never : present == outputs ? Presence.Always : Presence.Sometimes;
        }

        return result;
    }
}
