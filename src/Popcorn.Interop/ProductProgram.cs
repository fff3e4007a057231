using Popcorn.Interop.Native;

namespace Popcorn.Interop;

/// <summary>
/// A sparse integer matrix as a straight-line program of products, run by <see cref="Evaluator.Run"/> on many input
/// vectors (tiles). Registers 0 .. inputs - 1 hold a tile's inputs and are never written; the temporaries follow.
/// Belongs to no key. Immutable and thread-safe.
/// </summary>
public sealed unsafe class ProductProgram : IDisposable
{
    /// <summary>Batches that one program can read.</summary>
    public const int MaxSources = 4;

    /// <summary>Checks and copies a program.</summary>
    /// <param name="instructions">Products, in order.</param>
    /// <param name="inputs">Where a tile's inputs come from.</param>
    /// <param name="temporaries">Registers after those of the inputs.</param>
    /// <param name="outputs">The register of each output; -1 for the number 1, an encryption of 0.</param>
    /// <param name="fillsLanes">
    /// Whether neighbours among the instructions are independent of each other, so that a single tile keeps a vector
    /// kernel busy. Then every tile runs alone, on several threads where there are few; otherwise tiles run side by
    /// side.
    /// </param>
    /// <exception cref="PaillierException">
    /// <see cref="PaillierError.Program"/>: a register is out of range or read before it is written, or an input is
    /// written or out of range.
    /// </exception>
    public ProductProgram(
        ReadOnlySpan<Instruction> instructions, ReadOnlySpan<ProgramInput> inputs, int temporaries,
        ReadOnlySpan<int> outputs, bool fillsLanes = false)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(temporaries);
        PaillierLibrary.EnsureLoaded();
        fixed (Instruction* products = instructions)
        fixed (ProgramInput* entries = inputs)
        {
            NativeStatus.Check(
                NativeMethods.ProgramCreate(
                    products, instructions.Length, entries, inputs.Length, temporaries, outputs, outputs.Length,
                    out ProgramHandle handle),
                "product program");
            Handle = handle;
        }

        Inputs = inputs.Length;
        Outputs = outputs.Length;
        Products = instructions.Length;
        FillsLanes = fillsLanes;
    }

    /// <summary>Ciphertexts that a tile reads.</summary>
    public int Inputs { get; }

    /// <summary>Ciphertexts that a tile writes.</summary>
    public int Outputs { get; }

    /// <summary>Products that a tile takes if no input is absent.</summary>
    public int Products { get; }

    /// <summary>Whether a single tile keeps a vector kernel busy.</summary>
    public bool FillsLanes { get; }

    internal ProgramHandle Handle { get; }

    /// <summary>Releases the program.</summary>
    public void Dispose() => Handle.Dispose();

    /// <summary>Memory that a run of so many tiles needs for its registers, in bytes.</summary>
    internal long ScratchBytes(PaillierPublicKey key, int tiles)
    {
        NativeStatus.Check(
            NativeMethods.ProgramScratchBytes(Handle, key.SharedHandle, tiles, out long bytes), "product program");
        return bytes;
    }
}
