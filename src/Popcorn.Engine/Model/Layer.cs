using System.Numerics;

namespace Popcorn.Engine.Model;

/// <summary>
/// One layer of an integer network. Values are numbered: value 0 is the network's input, value i + 1 the output of
/// layer i; a layer reads values that come before it.
/// </summary>
/// <param name="Name">The node's name in the imported network.</param>
/// <param name="Input">The value it reads.</param>
/// <param name="Output">Shape of its result.</param>
public abstract record Layer(string Name, int Input, Shape Output)
{
    /// <summary>Short name of the kind, as shown to users: <c>conv</c>, <c>dense</c>, <c>relu</c>, …</summary>
    public abstract string Kind { get; }
}

/// <summary>
/// A linear layer: grouped convolution with integer weights and biases; a fully connected layer is a window that covers
/// the whole plane, an average pool a group for each channel with weights 1. Padding contributes 0.
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

    /// <summary>What a linear layer of this geometry is called.</summary>
    public static string KindOf(Window window, int groups) =>
        window is { OutputHeight: 1, OutputWidth: 1 } && groups == 1 ? "dense" : "conv";

    /// <summary>Weights of one output channel: input channels of its group × taps.</summary>
    public int Fan => Weights.Length / Output.Channels;

    /// <summary>Number of non-zero weights.</summary>
    public int NonZero => Weights.Length - Weights.AsSpan().Count(0);
}

/// <summary>max(x, 0), element by element.</summary>
public sealed record ReluLayer(string Name, int Input, Shape Output) : Layer(Name, Input, Output)
{
    /// <inheritdoc/>
    public override string Kind => "relu";
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
