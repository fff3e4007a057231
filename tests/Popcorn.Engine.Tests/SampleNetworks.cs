using System.Numerics;
using Popcorn.Engine.Model;

namespace Popcorn.Engine.Tests;

/// <summary>Small integer networks of known shape with random weights.</summary>
internal static class SampleNetworks
{
    public static IntegerNetwork ConvReluPoolDense(Random random) => new Builder(random, new Shape(2, 7, 6))
        .Conv(channels: 3, kernel: 3, stride: 1, pad: 1)
        .Relu()
        .MaxPool(kernel: 2, stride: 2, pad: 0, ceil: true, withZero: false)
        .Dense(5)
        .Build();

    public static IntegerNetwork Squares(Random random) => new Builder(random, new Shape(1, 4, 4))
        .Conv(2, 2, 2, 0).Square().Dense(6).Square().Dense(3).Build();

    public static IntegerNetwork Signs(Random random) => new Builder(random, new Shape(1, 5, 5))
        .Conv(3, 3, 1, 0).Sign().Dense(8).Sign().Dense(4).Build();

    public static IntegerNetwork MergedPools(Random random) => new Builder(random, new Shape(1, 9, 9))
        .Conv(2, 3, 1, 0).MaxPool(3, 2, 0, ceil: true, withZero: true).Conv(2, 2, 1, 1)
        .MaxPool(2, 1, 1, ceil: false, withZero: true).Dense(3).Build();

    public static IntegerNetwork GroupsAndAverages(Random random) => new Builder(random, new Shape(4, 6, 6))
        .Conv(4, 3, 2, 1, groups: 2).Relu().AveragePool(3).Dense(2).Relu().Build();

    /// <summary>A block whose result is added to what it read, with padding of a value of its own.</summary>
    public static IntegerNetwork Residual(Random random) => new Builder(random, new Shape(2, 5, 5))
        .Conv(3, 3, 1, 1).Relu().Conv(3, 3, 1, 1, padding: true).Add(back: 2, -3, 5).Sign()
        .Conv(2, 3, 1, 1, padding: true).Dense(3).Build();

    public static IntegerNetwork Branches(Random random) => new Builder(random, new Shape(1, 6, 6))
        .Conv(2, 2, 1, 0).Relu().Conv(3, 3, 1, 1).Relu().Concat(back: 2).Conv(2, 1, 1, 0).Concat(back: 5)
        .AveragePool(2).Dense(3).Build();

    public static IntegerNetwork Clipped(Random random) => new Builder(random, new Shape(2, 4, 4))
        .Conv(4, 3, 1, 1, groups: 2).Clip(5000).Conv(3, 2, 2, 0).Clip(1 << 20).Dense(3).Clip(int.MaxValue).Build();

    public static IntegerNetwork Rescaled(Random random) => new Builder(random, new Shape(2, 4, 4))
        .Conv(4, 3, 1, 1).Relu().Dense(5).Rescale(7).Build();

    /// <summary>
    /// Saturating where the cap may be exceeded and where it never is, behind numbers that are never negative, and not
    /// at all; a saturation without a shift, and one that changes nothing.
    /// </summary>
    public static IntegerNetwork Shifted(Random random) => new Builder(random, new Shape(2, 4, 4))
        .Conv(4, 3, 1, 1).Shift(8, 6).Conv(3, 2, 2, 0).Shift(3, 40).Shift(2, 60).Dense(6).Shift(5, 0)
        .Dense(3).Shift(0, 12).Dense(3).Shift(0, 60).Shift(0, 50).Build();

    /// <summary>Grows a network layer by layer.</summary>
    public sealed class Builder(Random random, Shape input, int minimum = 0, int maximum = 255)
    {
        private readonly List<Layer> _layers = [];

        private Shape Current => _layers.Count == 0 ? input : _layers[^1].Output;

        public Builder Conv(
            int channels, int kernel, int stride, int pad, int groups = 1, int limit = 127, bool padding = false)
        {
            Window window = Slide(kernel, stride, pad, ceil: false);
            int count = channels * (Current.Channels / groups) * window.Taps;
            Linear(new Shape(channels, window.OutputHeight, window.OutputWidth), window, groups, count, limit);
            if (padding)
            {
                BigInteger[] values =
                    [.. Enumerable.Range(0, channels * window.Taps).Select(_ => random.Next(-99, 99))];
                _layers[^1] = (LinearLayer)_layers[^1] with { Padding = values };
            }

            return this;
        }

        public Builder Dense(int outputs, int limit = 127) => Linear(
            new Shape(outputs, 1, 1), Window.Whole(Current.Height, Current.Width), 1, outputs * Current.Size, limit);

        public Builder AveragePool(int kernel)
        {
            Window window = Slide(kernel, kernel, 0, ceil: false);
            var weights = new int[Current.Channels * window.Taps];
            Array.Fill(weights, 1);
            var output = new Shape(Current.Channels, window.OutputHeight, window.OutputWidth);
            _layers.Add(new LinearLayer(
                Name(), _layers.Count, output, window, Current.Channels, weights, new BigInteger[output.Channels]));
            return this;
        }

        public Builder MaxPool(int kernel, int stride, int pad, bool ceil, bool withZero)
        {
            Window window = Slide(kernel, stride, pad, ceil);
            var output = new Shape(Current.Channels, window.OutputHeight, window.OutputWidth);
            _layers.Add(new MaxPoolLayer(Name(), _layers.Count, output, window, withZero));
            return this;
        }

        public Builder Relu() => Add(new ReluLayer(Name(), _layers.Count, Current));

        public Builder Square() => Add(new SquareLayer(Name(), _layers.Count, Current));

        public Builder Sign() => Add(new SignLayer(Name(), _layers.Count, Current));

        /// <summary>Adds a value of some layers ago.</summary>
        public Builder Add(int back, int factor, int secondFactor) => Add(new AddLayer(
            Name(), _layers.Count, _layers.Count - back, Current,
            [.. Enumerable.Repeat(factor, Current.Channels)], [.. Enumerable.Repeat(secondFactor, Current.Channels)]));

        /// <summary>Joins a value of some layers ago.</summary>
        public Builder Concat(int back)
        {
            int other = _layers.Count - back;
            Shape shape = other == 0 ? input : _layers[other - 1].Output;
            return Add(new ConcatLayer(
                Name(), _layers.Count, [other], Current with { Channels = Current.Channels + shape.Channels }));
        }

        public Builder Clip(int cap) => Add(new ClipLayer(
            Name(), _layers.Count, Current,
            [.. Enumerable.Range(1, Current.Channels).Select(c => (BigInteger)cap * c)]));

        public Builder Rescale(int shift) => Add(new RescaleLayer(Name(), _layers.Count, Current, shift));

        public Builder Shift(int shift, int saturationBits) =>
            Add(new ShiftLayer(Name(), _layers.Count, Current, shift, saturationBits));

        public IntegerNetwork Build() => new(new InputDescription(input, minimum, maximum, 1 / 255.0), _layers, 1);

        private Builder Add(Layer layer)
        {
            _layers.Add(layer);
            return this;
        }

        private Builder Linear(Shape output, Window window, int groups, int weights, int limit) => Add(new LinearLayer(
            Name(), _layers.Count, output, window, groups,
            [
                .. Enumerable.Range(0, weights).Select(_ => random.Next(3) == 0
                    ? 0
                    : random.Next(Math.Min(limit < 0 ? 0 : -limit, 0), Math.Abs(limit) + 1)),
            ],
            [.. Enumerable.Range(0, output.Channels).Select(_ => (BigInteger)random.Next(-1000, 1000))]));

        private Window Slide(int kernel, int stride, int pad, bool ceil)
        {
            int height = Outputs(Current.Height), width = Outputs(Current.Width);
            return new Window(kernel, kernel, stride, stride, 1, 1, pad, pad, height, width);

            int Outputs(int size)
            {
                int span = size + 2 * pad - kernel;
                return (ceil ? (span + stride - 1) / stride : span / stride) + 1;
            }
        }

        private string Name() => $"layer{_layers.Count + 1}";
    }
}
