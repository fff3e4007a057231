using Popcorn.Interop.Native;

namespace Popcorn.Interop;

/// <summary>
/// A sparse integer matrix as a straight-line program of products, run by <see cref="Evaluator.Run"/> on many input
/// vectors (tiles). Registers 0 .. inputs - 1 hold a tile's inputs and are never written; the temporaries follow.
/// Belongs to no key. Immutable and thread-safe.
/// </summary>
public sealed class ProductProgram : IDisposable
{
    /// <summary>Checks and copies a program.</summary>
    /// <param name="instructions">Products, in order.</param>
    /// <param name="inputs">Registers that hold a tile's inputs.</param>
    /// <param name="temporaries">Registers after them.</param>
    /// <param name="outputs">The register of each output; -1 for the number 1, an encryption of 0.</param>
    /// <exception cref="PaillierException">
    /// <see cref="PaillierError.Program"/>: a register is out of range or read before it is written, or an input is
    /// written.
    /// </exception>
    public ProductProgram(
        ReadOnlySpan<Instruction> instructions, int inputs, int temporaries, ReadOnlySpan<int> outputs)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(inputs);
        ArgumentOutOfRangeException.ThrowIfNegative(temporaries);
        PaillierLibrary.EnsureLoaded();
        NativeStatus.Check(
            NativeMethods.ProgramCreate(
                instructions, instructions.Length, inputs, temporaries, outputs, outputs.Length,
                out ProgramHandle handle),
            "product program");
        Handle = handle;
        Inputs = inputs;
        Outputs = outputs.Length;
    }

    /// <summary>Ciphertexts that a tile reads.</summary>
    public int Inputs { get; }

    /// <summary>Ciphertexts that a tile writes.</summary>
    public int Outputs { get; }

    internal ProgramHandle Handle { get; }

    /// <summary>Releases the program.</summary>
    public void Dispose() => Handle.Dispose();

    /// <summary>Memory that one run needs for its registers, in bytes.</summary>
    internal long ScratchBytes(PaillierPublicKey key)
    {
        NativeStatus.Check(NativeMethods.ProgramScratchBytes(Handle, key.Handle, out long bytes), "product program");
        return bytes;
    }
}
