using Popcorn.Interop;
using Popcorn.KernelTiming;

namespace Popcorn.Bench.Report;

/// <summary>How near a product modulo n² comes to what the processor's multipliers could do at most.</summary>
internal sealed class VectorShare : IDisposable
{
    private const int Steps = 256;
    private const int Tiles = 64;
    private const int DigitBits = 52;
    private const int Lanes = 8;

    // The dual form: ac and ad + bc with both halves of each digit product, and two Montgomery reductions.
    private const int MultipliesPerDigitSquared = 10;

    private readonly PaillierPrivateKey _key;
    private readonly CiphertextBatch _source;
    private readonly CiphertextBatch _target;
    private readonly ProductProgram _program;

    /// <summary>Prepares a chain of products in registers that stay in the cache.</summary>
    public VectorShare(string kernel, int bits)
    {
        _key = PaillierPrivateKey.Generate(bits, new KeyOptions { Kernel = kernel });
        _source = new CiphertextBatch(_key.PublicKey, 2 * Tiles);
        _target = new CiphertextBatch(_key.PublicKey, Tiles);
        using var encryptor = new Encryptor(_key, new EncryptorOptions { WindowBits = 4 });
        encryptor.EncryptZero(_source, 0, _source.Count);
        _program = new ProductProgram(
            [.. Enumerable.Range(0, Steps).Select(step => new Instruction(2, step == 0 ? 0 : 2, 1))],
            [new ProgramInput(0, 0, 0), new ProgramInput(0, 0, 1)], 1, [2]);
    }

    /// <summary>512-bit multiply instructions that a product takes at least, over the 8 numbers it serves.</summary>
    public double MultipliesPerProduct
    {
        get
        {
            int digits = (_key.PublicKey.Bits + DigitBits - 1) / DigitBits;
            return MultipliesPerDigitSquared * (double)digits * digits / Lanes;
        }
    }

    /// <summary>One product, for the timer.</summary>
    public KernelOperation Create()
    {
        ProgramView[] inputs = [new(_source, 2, [.. Enumerable.Range(0, 2 * Tiles)])];
        var outputs = new ProgramView(_target, 1, [.. Enumerable.Range(0, Tiles)]);
        return new KernelOperation(
            "product",
            Steps * Tiles,
            () => Evaluator.Run(_program, inputs, outputs, 0, Tiles, Execution.Sequential));
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _program.Dispose();
        _source.Dispose();
        _target.Dispose();
        _key.Dispose();
        _key.PublicKey.Dispose();
    }
}
