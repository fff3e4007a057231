using System.Numerics;
using Popcorn.Engine.Model;

namespace Popcorn.Engine.Evaluation;

/// <summary>
/// How a linear layer reads integers that may be wider than the numbers it computes with. It is linear, so it may
/// run over one digit of its input after the other; the sums of a digit are then carried into those of the next.
/// </summary>
/// <param name="Bits">
/// Width of a digit, a divisor of a limb's. All digits are unsigned but the highest one, which has the integer's sign.
/// </param>
/// <param name="Count">Number of digits. One digit stands for the whole integer, be it wider or not.</param>
internal readonly record struct Digits(int Bits, int Count)
{
    /// <summary>The integer as a whole.</summary>
    public static Digits Whole => new(LimbTensor.LimbBits, 1);
}

/// <summary>Chooses the numbers that a linear layer computes with: the fastest that are exact.</summary>
internal static class PlainLinear
{
    // Greatest magnitudes up to which all integers can be told apart. A long leaves room for bias and carry.
    private const int MostOfShort = short.MaxValue;
    private const int MostOfFloat = 1 << 24;
    private const long MostOfDouble = 1L << 53;
    private const long MostOfLong = 1L << 62;

    /// <summary>Compiles a linear layer; see <see cref="PlainLayer.For"/>.</summary>
    public static PlainLayer For(LinearLayer layer, Shape shape, IReadOnlyList<Interval> source, int targetLimbs)
    {
        if (layer.Window == Window.Whole(shape.Height, shape.Width))
        {
            // Elements become channels, so that the images of a tile are what is computed side by side.
            source = [.. source.SelectMany(x => Enumerable.Repeat(x, shape.Area))];
            shape = new Shape(shape.Size, 1, 1);
            layer = layer with { Window = Window.Pointwise(1, 1), Padding = [] };
        }

        (BigInteger products, long weights) = LargestSums(layer, shape, source);
        int limbs = LimbTensor.LimbsFor(source);
        if (products <= MostOfShort)
        {
            return new PlainLinear<short>(layer, shape, Digits.Whole, targetLimbs);
        }

        if (products <= MostOfFloat)
        {
            return new PlainLinear<float>(layer, shape, Digits.Whole, targetLimbs);
        }

        if (products <= MostOfDouble)
        {
            return new PlainLinear<double>(layer, shape, Digits.Whole, targetLimbs);
        }

        if (weights <= MostOfDouble >> LimbTensor.LimbBits)
        {
            return new PlainLinear<double>(layer, shape, new Digits(LimbTensor.LimbBits, limbs), targetLimbs);
        }

        if (products <= MostOfLong)
        {
            return new PlainLinear<long>(layer, shape, Digits.Whole, targetLimbs);
        }

        int bits = LimbTensor.LimbBits;
        while (weights > MostOfLong >> bits)
        {
            bits /= 2;
        }

        var digits = new Digits(bits, LimbTensor.LimbBits / bits * limbs);
        return new PlainLinear<long>(layer, shape, digits, targetLimbs);
    }

    /// <summary>Over all outputs, the largest Σ |weight · input| and Σ |weight|: no partial sum exceeds them.</summary>
    private static (BigInteger Products, long Weights) LargestSums(
        LinearLayer layer, Shape shape, IReadOnlyList<Interval> source)
    {
        BigInteger[] magnitudes =
            [.. source.Select(x => BigInteger.Max(BigInteger.Abs(x.Low), BigInteger.Abs(x.High)))];
        int channels = shape.Channels / layer.Groups;
        int outputs = layer.Output.Channels / layer.Groups;
        BigInteger mostProducts = 0;
        long mostWeights = 0;
        for (int output = 0; output < layer.Output.Channels; output++)
        {
            BigInteger products = 0;
            long weights = 0;
            long sum = 0;
            for (int channel = 0; channel < channels; channel++)
            {
                foreach (int weight in layer.WeightsOf(output, channel))
                {
                    sum += Math.Abs((long)weight);
                }

                // Neighbours of one magnitude share a product of wide integers.
                int input = output / outputs * channels + channel;
                if (channel == channels - 1 || magnitudes[input] != magnitudes[input + 1])
                {
                    weights += sum;
                    products += sum * magnitudes[input];
                    sum = 0;
                }
            }

            mostProducts = BigInteger.Max(mostProducts, products);
            mostWeights = Math.Max(mostWeights, weights);
        }

        return (mostProducts, mostWeights);
    }
}
