using System.Numerics;
using Popcorn.Engine.Model;

namespace Popcorn.Engine.Tests.Model;

/// <summary>Integer networks by their definition, one number at a time: the measure of all faster code.</summary>
internal static class NaiveEvaluator
{
    /// <summary>All values: the input, then the output of every layer.</summary>
    public static BigInteger[][] Values(IntegerNetwork network, int[] input)
    {
        var values = new List<BigInteger[]> { Array.ConvertAll(input, x => (BigInteger)x) };
        foreach (Layer layer in network.Layers)
        {
            BigInteger[] x = values[layer.Input];
            Shape shape = network.ShapeOf(layer.Input);
            values.Add(layer switch
            {
                LinearLayer linear => Linear(linear, shape, x),
                MaxPoolLayer pool => MaxPool(pool, shape, x),
                ReluLayer => Array.ConvertAll(x, v => v.Sign > 0 ? v : 0),
                SquareLayer => Array.ConvertAll(x, v => v * v),
                SignLayer => Array.ConvertAll(x, v => v.Sign < 0 ? BigInteger.Zero : BigInteger.One),
                AddLayer add => Add(add, shape, x, values[add.Second]),
                ConcatLayer => [.. layer.Inputs.SelectMany(value => values[value])],
                ClipLayer clip =>
                    [.. x.Select((v, i) => BigInteger.Min(BigInteger.Max(v, 0), clip.Caps[i / shape.Area]))],
                // To the nearest, halves up.
                RescaleLayer rescale => Array.ConvertAll(
                    x, v => BigInteger.Divide(v - Modulo(v, rescale.Shift), BigInteger.Pow(2, rescale.Shift))
                        + (2 * Modulo(v, rescale.Shift) >= BigInteger.Pow(2, rescale.Shift) ? 1 : 0)),
                ShiftLayer shift => Array.ConvertAll(x, v => Shifted(shift, v)),
                _ => throw new NotSupportedException(),
            });
        }

        return [.. values];
    }

    private static BigInteger[] Linear(LinearLayer layer, Shape shape, BigInteger[] x)
    {
        Window w = layer.Window;
        int inputs = shape.Channels / layer.Groups;
        int outputs = layer.Output.Channels / layer.Groups;
        return ForEach(layer.Output, (o, oy, ox) =>
        {
            BigInteger sum = layer.Bias[o];
            for (int i = 0; i < inputs; i++)
            {
                for (int ky = 0; ky < w.KernelHeight; ky++)
                {
                    for (int kx = 0; kx < w.KernelWidth; kx++)
                    {
                        int weight = layer.Weights[((o * inputs + i) * w.KernelHeight + ky) * w.KernelWidth + kx];
                        sum += weight * (At(shape, x, o / outputs * inputs + i, w, oy, ox, ky, kx) ?? 0);
                    }
                }
            }

            for (int tap = 0; tap < w.Taps && layer.Padding.Length > 0; tap++)
            {
                bool isAbsent = At(shape, x, 0, w, oy, ox, tap / w.KernelWidth, tap % w.KernelWidth) is null;
                sum += isAbsent ? layer.Padding[o * w.Taps + tap] : 0;
            }

            return sum;
        });
    }

    private static BigInteger[] Add(AddLayer layer, Shape shape, BigInteger[] x, BigInteger[] y) =>
        [.. x.Select((v, i) => v * layer.Factors[i / shape.Area] + y[i] * layer.SecondFactors[i / shape.Area])];

    private static BigInteger Shifted(ShiftLayer layer, BigInteger value)
    {
        BigInteger floor = (value - Modulo(value, layer.Shift)) / BigInteger.Pow(2, layer.Shift);
        BigInteger most = BigInteger.Pow(2, layer.SaturationBits) - 1;
        return layer.SaturationBits == 0 ? floor : BigInteger.Min(BigInteger.Max(floor, 0), most);
    }

    private static BigInteger Modulo(BigInteger value, int shift)
    {
        BigInteger rest = BigInteger.Remainder(value, BigInteger.Pow(2, shift));
        return rest.Sign < 0 ? rest + BigInteger.Pow(2, shift) : rest;
    }

    private static BigInteger[] MaxPool(MaxPoolLayer layer, Shape shape, BigInteger[] x)
    {
        Window w = layer.Window;
        return ForEach(layer.Output, (c, oy, ox) =>
        {
            BigInteger? best = layer.WithZero ? 0 : null;
            for (int ky = 0; ky < w.KernelHeight; ky++)
            {
                for (int kx = 0; kx < w.KernelWidth; kx++)
                {
                    BigInteger? candidate = At(shape, x, c, w, oy, ox, ky, kx);
                    best = candidate is null || candidate < best ? best : candidate;
                }
            }

            return best!.Value;
        });
    }

    private static BigInteger? At(
        Shape shape, BigInteger[] x, int channel, Window w, int outputY, int outputX, int tapY, int tapX)
    {
        int row = outputY * w.StrideY + tapY * w.DilationY - w.PadTop;
        int column = outputX * w.StrideX + tapX * w.DilationX - w.PadLeft;
        return row < 0 || row >= shape.Height || column < 0 || column >= shape.Width
            ? null
            : x[channel * shape.Height * shape.Width + row * shape.Width + column];
    }

    private static BigInteger[] ForEach(Shape shape, Func<int, int, int, BigInteger> element)
    {
        var result = new List<BigInteger>();
        for (int c = 0; c < shape.Channels; c++)
        {
            for (int y = 0; y < shape.Height; y++)
            {
                for (int x = 0; x < shape.Width; x++)
                {
                    result.Add(element(c, y, x));
                }
            }
        }

        return [.. result];
    }
}
