using System.Numerics;

namespace Popcorn.Engine.Model;

/// <summary>
/// One layer of an integer network. Values are numbered: value 0 is the network's input, value i + 1 the output of
/// layer i; a layer reads values that come before it.
/// </summary>
/// <param name="Name">The node's name in the imported network.</param>
/// <param name="Input">The value it reads, or reads first.</param>
/// <param name="Output">Shape of its result.</param>
public abstract record Layer(string Name, int Input, Shape Output)
{
    /// <summary>The values that it reads beside <see cref="Input"/>.</summary>
    public virtual IReadOnlyList<int> Further => [];

    /// <summary>All values that it reads.</summary>
    public IEnumerable<int> Inputs => Further.Prepend(Input);

    /// <summary>Short name of the kind, as shown to users: <c>conv</c>, <c>dense</c>, <c>relu</c>, …</summary>
    public abstract string Kind { get; }
}

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
public sealed record LinearLayer(
    string Name, int Input, Shape Output, Window Window, int Groups, int[] Weights, BigInteger[] Bias)
    : Layer(Name, Input, Output)
{
    /// <inheritdoc/>
    public override string Kind => KindOf(Window, Groups);

    /// <summary>
    /// What a tap adds where it lies outside the plane, [output channel][tap], flat; empty: nothing. It stands for a
    /// padding value that differs from 0, and for the offsets of activations that are carried as other integers (±1 as
    /// bits): both are there inside the plane and missing outside.
    /// </summary>
    public BigInteger[] Padding { get; init; } = [];

    /// <summary>What a linear layer of this geometry is called.</summary>
    public static string KindOf(Window window, int groups) =>
        window is { OutputHeight: 1, OutputWidth: 1 } && groups == 1 ? "dense" : "conv";

    /// <summary>Whether it sums windows, as average pools do: then it has no weights to speak of.</summary>
    public bool IsPool => Window.Taps > 1 && Groups == Output.Channels && Fan == Window.Taps
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
    public int Fan => Weights.Length / Output.Channels;

    /// <summary>Number of non-zero weights.</summary>
    public int NonZero => Weights.Length - Weights.AsSpan().Count(0);

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
}

/// <summary>
/// The sum of two values of one shape, each times a small integer that aligns its scale with the other's, channel by
/// channel.
/// </summary>
/// <param name="Name">The node's name.</param>
/// <param name="Input">The first value.</param>
/// <param name="Second">The second value.</param>
/// <param name="Output">The shape of both.</param>
/// <param name="Factors">Factor of the first value, one for each channel.</param>
/// <param name="SecondFactors">Factor of the second value.</param>
public sealed record AddLayer(
    string Name, int Input, int Second, Shape Output, int[] Factors, int[] SecondFactors)
    : Layer(Name, Input, Output)
{
    /// <inheritdoc/>
    public override string Kind => "add";

    /// <inheritdoc/>
    public override IReadOnlyList<int> Further => [Second];
}

/// <summary>The channels of several values of one height and width, one value after the other.</summary>
/// <param name="Name">The node's name.</param>
/// <param name="Input">The first value.</param>
/// <param name="Further">The values behind it.</param>
/// <param name="Output">The shape of all together.</param>
public sealed record ConcatLayer(string Name, int Input, IReadOnlyList<int> Further, Shape Output)
    : Layer(Name, Input, Output)
{
    /// <inheritdoc/>
    public override string Kind => "concat";

    /// <inheritdoc/>
    public override IReadOnlyList<int> Further { get; } = Further;
}

/// <summary>max(x, 0), element by element.</summary>
public sealed record ReluLayer(string Name, int Input, Shape Output) : Layer(Name, Input, Output)
{
    /// <inheritdoc/>
    public override string Kind => "relu";
}

/// <summary>min(max(x, 0), cap), element by element.</summary>
/// <param name="Name">The node's name.</param>
/// <param name="Input">The value it reads.</param>
/// <param name="Output">Its shape.</param>
/// <param name="Caps">The greatest result, one for each channel; not negative.</param>
public sealed record ClipLayer(string Name, int Input, Shape Output, BigInteger[] Caps) : Layer(Name, Input, Output)
{
    /// <inheritdoc/>
    public override string Kind => "clip";
}

/// <summary>
/// x / 2^<paramref name="Shift"/>, rounded. The one layer that is not exact: obliviously it rounds up or down at random,
/// with the fraction as the probability of up; in plaintext to the nearest. Both are off by less than 1.
/// </summary>
public sealed record RescaleLayer(string Name, int Input, Shape Output, int Shift) : Layer(Name, Input, Output)
{
    /// <inheritdoc/>
    public override string Kind => "rescale";
}

/// <summary>x², element by element.</summary>
public sealed record SquareLayer(string Name, int Input, Shape Output) : Layer(Name, Input, Output)
{
    /// <inheritdoc/>
    public override string Kind => "square";
}

/// <summary>1 where x ≥ 0, else 0, element by element. The ±1 form is folded into the next layer.</summary>
public sealed record SignLayer(string Name, int Input, Shape Output) : Layer(Name, Input, Output)
{
    /// <inheritdoc/>
    public override string Kind => "sign";
}

/// <summary>
/// Maximum over a window, channel by channel; what lies outside the plane takes no part. With
/// <paramref name="WithZero"/>, zero is one more player: max-pool and ReLU at once, in either order.
/// </summary>
public sealed record MaxPoolLayer(string Name, int Input, Shape Output, Window Window, bool WithZero)
    : Layer(Name, Input, Output)
{
    /// <inheritdoc/>
    public override string Kind => WithZero ? "maxpool+relu" : "maxpool";
}
