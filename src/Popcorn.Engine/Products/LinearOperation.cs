using Popcorn.Interop;

namespace Popcorn.Engine.Products;

/// <summary>What a layer's operations read and write; each holds one image after the other.</summary>
internal enum LayerBuffer
{
    /// <summary>The layer's input, channel by channel.</summary>
    Input,

    /// <summary>The negative of each input.</summary>
    Negatives,

    /// <summary>Products of channels at a position, product by product.</summary>
    Shared,

    /// <summary>Results that are still to be joined, result by result.</summary>
    Parts,

    /// <summary>The layer's output.</summary>
    Output,
}

/// <summary>One operation of a compiled layer, on a range of a single image.</summary>
internal abstract record LinearOperation;

/// <summary>Negates a range of a buffer.</summary>
/// <param name="From">Read.</param>
/// <param name="To">Written, from the same offset on.</param>
/// <param name="Offset">First ciphertext.</param>
/// <param name="Count">Ciphertexts.</param>
internal sealed record NegateOperation(LayerBuffer From, LayerBuffer To, int Offset, int Count) : LinearOperation;

/// <summary>Runs a program on some of its tiles.</summary>
internal sealed record RunOperation(LinearPart Part, int FirstTile, int Tiles) : LinearOperation;

/// <summary>How the tiles of a program see a buffer; see <see cref="ProgramView"/>.</summary>
internal sealed record BufferView(LayerBuffer Buffer, int Stride, int Taps, int[] Positions);

/// <summary>A program and what it reads and writes.</summary>
internal sealed record LinearPart(ProductProgram Program, BufferView[] Sources, BufferView Target);
