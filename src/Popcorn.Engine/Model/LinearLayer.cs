using System.Numerics;

namespace Popcorn.Engine.Model;

/// <summary>
/// A linear layer: grouped convolution with integer weights and biases; a fully connected layer is a window that covers
/// the whole plane, an average pool a group for each channel with weights 1.
/// </summary>
/// <param name="Name">The node's name.</param>
/// <param name="Input">The value it reads, of shape (channels, height, width).</param>
/// <param name="Output">(output channels, window output height, window output width).</param>
/// <param name="Window">The sliding window.</param>
/// <param name="Groups">Groups: input and output channels are split evenly among them.</param>
/// <param name="Weights">
/// Weights [output channel][input channel within the group][tap y][tap x], flat; zeros are pruned and cost nothing.
/// </param>
/// <param name="Bias">One integer per output channel; of any size, because activations grow without rounding.</param>
internal sealed record LinearLayer(
    string Name, int Input, Shape Output, Window Window, int Groups, int[] Weights, BigInteger[] Bias)
    : Layer(Name, Input, Output)
{
    /// <inheritdoc/>
    public override LayerKind Kind => LayerKind.Linear;

    /// <summary>
    /// What a tap adds where it lies outside the plane, [output channel][tap], flat; empty: nothing. It stands for a
    /// padding value that differs from 0, and for the offsets of activations that are carried as other integers (±1 as
    /// bits): both are there inside the plane and missing outside.
    /// </summary>
    public BigInteger[] Padding { get; init; } = [];

    /// <summary>Whether it sums windows, as average pools do: then it has no weights to speak of.</summary>
    public bool IsPool => Window.Taps > 1 && Groups == Output.Channels && WeightsPerOutput == Window.Taps
        && Array.TrueForAll(Weights, weight => weight == 1);

    /// <summary>Different weights, 0 included.</summary>
    public int DistinctWeights => Weights.Distinct().Count();

    /// <summary>Least width of two's complement that holds every weight.</summary>
    public int WeightBits
    {
        get
        {
            int magnitudes = 0;
            foreach (int weight in Weights)
            {
                magnitudes |= weight < 0 ? ~weight : weight;
            }

            return 33 - int.LeadingZeroCount(magnitudes);
        }
    }

    /// <summary>Weights of one output channel: input channels of its group × taps.</summary>
    public int WeightsPerOutput => Weights.Length / Output.Channels;

    /// <summary>Channels of the value that it reads.</summary>
    internal int InputChannels => Groups * WeightsPerOutput / Window.Taps;

    /// <summary>Number of non-zero weights.</summary>
    public int NonZero => Weights.Length - Weights.AsSpan().Count(0);

    /// <summary>The group that an output channel belongs to.</summary>
    internal int GroupOf(int output) => output / (Output.Channels / Groups);

    /// <summary>The weights of an output channel.</summary>
    internal ReadOnlySpan<int> WeightsOf(int output) => Weights.AsSpan(output * WeightsPerOutput, WeightsPerOutput);

    /// <summary>Those of them that an input channel of its group meets, tap by tap.</summary>
    internal ReadOnlySpan<int> WeightsOf(int output, int input) =>
        WeightsOf(output).Slice(input * Window.Taps, Window.Taps);

    /// <summary>Multiply-accumulates for one image, zero weights counted, padding not.</summary>
    /// <param name="input">Shape of the value it reads.</param>
    public long MultiplyAccumulates(Shape input)
    {
        long seen = 0;
        for (int position = 0; position < Output.Area; position++)
        {
            for (int tap = 0; tap < Window.Taps; tap++)
            {
                seen += Window.Position(position, tap, input) >= 0 ? 1 : 0;
            }
        }

        return seen * (WeightsPerOutput / Window.Taps) * Output.Channels;
    }

    /// <summary>
    /// What is added to the products at every output element, biases and padding together: one number for each output
    /// channel where nothing is padded, else one for each element.
    /// </summary>
    /// <param name="input">Shape of the value it reads.</param>
    public BigInteger[] Constants(Shape input)
    {
        if (Padding.Length == 0)
        {
            return Bias;
        }

        int taps = Window.Taps;
        var constants = new BigInteger[Output.Size];
        for (int position = 0; position < Output.Area; position++)
        {
            int[] absent = [.. Enumerable.Range(0, taps).Where(tap => Window.Position(position, tap, input) < 0)];
            for (int channel = 0; channel < Output.Channels; channel++)
            {
                BigInteger sum = Bias[channel];
                foreach (int tap in absent)
                {
                    sum += Padding[channel * taps + tap];
                }

                constants[channel * Output.Area + position] = sum;
            }
        }

        return constants;
    }

    /// <summary>Number of weights, before it is known to be sane, of a layer with a valid window and groups.</summary>
    internal static Int128 WeightCount(Shape output, Shape source, Window window, int groups) =>
        (Int128)output.Channels * (source.Channels / groups) * window.Taps;

    /// <summary>Reads what <see cref="WriteSecret"/> wrote.</summary>
    internal static LinearLayer ReadSecret(ref ByteReader reader, string name, PublicLayer layer, Shape source)
    {
        Window window = layer.Window!.Value;
        Int128 count = WeightCount(layer.Output, source, window, layer.Groups);
        if (count > NetworkValidator.MaxWeights)
        {
            throw new PopcornException($"layer '{name}' claims {count} weights");
        }

        int channels = layer.Output.Channels;
        int[] weights = WeightCoding.Read(ref reader, (int)count);
        BigInteger[] bias = reader.Integers(channels, NetworkValidator.MaxBiasBits);
        long paddings = reader.Byte() == 0 ? 0 : (long)channels * window.Taps;
        return new LinearLayer(name, layer.Input, layer.Output, window, layer.Groups, weights, bias)
        {
            Padding = reader.Integers(paddings, NetworkValidator.MaxBiasBits),
        };
    }

    /// <inheritdoc/>
    internal override PublicLayer Describe(int boundBits) => new(Kind, Input, Output, Window, Groups, boundBits);

    /// <inheritdoc/>
    internal override void Validate(Shape source)
    {
        Int128 weights = WeightCount(Output, source, Window, Groups);
        NetworkValidator.Require(
            weights <= NetworkValidator.MaxWeights,
            $"it has {weights} weights, more than {NetworkValidator.MaxWeights}");
        NetworkValidator.Require(Weights.Length == weights, $"it has {Weights.Length} weights instead of {weights}");
        NetworkValidator.Require(Weights.AsSpan().IndexOf(int.MinValue) < 0, "a weight is out of range");
        NetworkValidator.Require(
            Bias.Length == Output.Channels, $"it has {Bias.Length} biases instead of {Output.Channels}");
        long paddings = (long)Output.Channels * Window.Taps;
        NetworkValidator.Require(
            Padding.Length == 0 || Padding.Length == paddings,
            $"its padding has {Padding.Length} numbers instead of {paddings}");
        NetworkValidator.RequireBits([.. Bias, .. Padding], "a bias");
    }

    /// <inheritdoc/>
    internal override Interval[] BoundsFrom(Shape shape, Interval[][] sources) =>
        new LinearBounds(this, shape, sources[0]).OfRows();

    /// <inheritdoc/>
    internal override void WriteSecret(ByteWriter writer)
    {
        WeightCoding.Write(writer, Weights);
        writer.Integers(Bias);
        writer.Byte((byte)(Padding.Length > 0 ? 1 : 0));
        writer.Integers(Padding);
    }
}
