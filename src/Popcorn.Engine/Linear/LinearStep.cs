using Popcorn.Interop;

namespace Popcorn.Engine.Linear;

/// <summary>Ciphertexts that a layer's steps read and write.</summary>
internal enum LayerBuffer
{
    /// <summary>The layer's input, channel by channel.</summary>
    Input,

    /// <summary>The inverse of each input.</summary>
    Inverses,

    /// <summary>Products of channels at a position, product by product.</summary>
    Shared,

    /// <summary>Results that are still to be joined, result by result.</summary>
    Parts,

    /// <summary>The layer's output.</summary>
    Output,
}

/// <summary>One step of a compiled layer.</summary>
internal abstract record LinearStep;

/// <summary>Inverts a range of a buffer.</summary>
/// <param name="From">Read.</param>
/// <param name="To">Written, from the same offset on.</param>
/// <param name="Offset">First ciphertext.</param>
/// <param name="Count">Ciphertexts.</param>
internal sealed record InvertStep(LayerBuffer From, LayerBuffer To, int Offset, int Count) : LinearStep;

/// <summary>Runs a program on some of its tiles.</summary>
internal sealed record RunStep(LinearPart Part, int FirstTile, int Tiles) : LinearStep;

/// <summary>How the tiles of a program see a buffer; see <see cref="ProgramView"/>.</summary>
internal sealed record BufferView(LayerBuffer Buffer, int Stride, int Taps, int[] Positions);

/// <summary>A program and what it reads and writes.</summary>
internal sealed record LinearPart(ProductProgram Program, BufferView[] Sources, BufferView Target);
