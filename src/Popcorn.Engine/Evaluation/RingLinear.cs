using System.Numerics;
using Popcorn.Engine.Model;

namespace Popcorn.Engine.Evaluation;

/// <summary>
/// A linear layer on numbers modulo 2^64, such as one party's shares: W·s + constants. Made once for each layer; time
/// and memory depend on the weights, never on the numbers. Immutable, so threads share it.
/// </summary>
internal sealed class RingLinear
{
    private readonly IRingLayer _layer;

    /// <param name="layer">The layer, of a valid network.</param>
    /// <param name="input">Shape of what it reads.</param>
    /// <param name="narrow">
    /// Whether results are wanted modulo 2^32 only, which takes half the time: their higher bits are arbitrary then.
    /// </param>
    /// <exception cref="PopcornException">The layer is too large.</exception>
    public RingLinear(LinearLayer layer, Shape input, bool narrow)
    {
        InputSize = input.Size;
        OutputSize = layer.Output.Size;
        IsNarrow = narrow;
        _layer = narrow ? For<int>(layer, input) : For<long>(layer, input);
    }

    /// <summary>Numbers of an input.</summary>
    public int InputSize { get; }

    /// <summary>Numbers of a result.</summary>
    public int OutputSize { get; }

    /// <summary>Whether it computes modulo 2^32.</summary>
    public bool IsNarrow { get; }

    /// <summary>
    /// Multiply-accumulates of an image, as they take time: those of a matrix half as much as those of a convolution.
    /// </summary>
    public double Accumulates => _layer.Accumulates;

    /// <summary>Computes the layer.</summary>
    /// <param name="input">Image by image, each channel by channel, row by row; any numbers.</param>
    /// <param name="images">How many.</param>
    /// <param name="output">The results in the same order; every one is written.</param>
    /// <param name="degreeOfParallelism">Threads at most.</param>
    /// <exception cref="ArgumentException">There are more numbers, or fewer, than the images have.</exception>
    public void Run(ReadOnlySpan<ulong> input, int images, Span<ulong> output, int degreeOfParallelism)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(images);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(degreeOfParallelism);
        ArgumentOutOfRangeException.ThrowIfNotEqual(input.Length, (long)images * InputSize, nameof(input));
        ArgumentOutOfRangeException.ThrowIfNotEqual(output.Length, (long)images * OutputSize, nameof(output));
        for (int image = 0; image < images; image++)
        {
            _layer.Run(
                input.Slice(image * InputSize, InputSize),
                output.Slice(image * OutputSize, OutputSize),
                degreeOfParallelism);
        }
    }

    private static IRingLayer For<T>(LinearLayer layer, Shape input)
        where T : unmanaged, INumber<T> =>
        RingProduct<T>.Suits(layer) ? new RingProduct<T>(layer, input) : new RingConvolution<T>(layer, input);
}
