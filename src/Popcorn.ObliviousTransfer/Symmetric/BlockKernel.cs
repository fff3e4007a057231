namespace Popcorn.ObliviousTransfer.Symmetric;

/// <summary>
/// The loops in which transfers spend their time, done by somebody who has wider vectors of AES than .NET: this library
/// has its own and needs none. Both give the same blocks. Round keys are the 11 of an expanded key (FIPS 197). What an
/// implementation takes of time and memory must not depend on blocks, but for those of a code's key.
/// </summary>
public abstract class BlockKernel
{
    private static BlockKernel? _current;

    /// <summary>What is used wherever a key is expanded here; null: this library's own loops. Set it before the first
    /// transfer; who is at work meanwhile may use either.</summary>
    public static BlockKernel? Current
    {
        get => Volatile.Read(ref _current);
        set => Volatile.Write(ref _current, value);
    }

    /// <summary>A tree of single-point transfers by half trees, the sender's side.</summary>
    /// <param name="roundKeys">The tree's.</param>
    /// <param name="delta">Δ.</param>
    /// <param name="first">The first node; the other one is that plus Δ.</param>
    /// <param name="cots">One of the sender's COTs for each level, 2 or more.</param>
    /// <param name="corrections">Filled, a block for each level.</param>
    /// <param name="leaves">Filled, 2^levels.</param>
    public abstract void SendTree(
        ReadOnlySpan<Block> roundKeys, Block delta, Block first, ReadOnlySpan<Block> cots, Span<Block> corrections,
        Span<Block> leaves);

    /// <summary>The receiver's side.</summary>
    /// <param name="roundKeys">The tree's.</param>
    /// <param name="cots">One of the receiver's COTs for each level, 2 or more.</param>
    /// <param name="corrections">What the sender sent.</param>
    /// <param name="leaves">Filled, 2^levels.</param>
    public abstract void ReceiveTree(
        ReadOnlySpan<Block> roundKeys, ReadOnlySpan<Block> cots, ReadOnlySpan<Block> corrections, Span<Block> leaves);

    /// <summary>Adds to each output ten coordinates of a vector.</summary>
    /// <param name="roundKeys">Of the stream that says which: public.</param>
    /// <param name="secret">The vector, a power of two of blocks.</param>
    /// <param name="first">Number of the first output.</param>
    /// <param name="outputs">Outputs.</param>
    public abstract void AddCode(
        ReadOnlySpan<Block> roundKeys, ReadOnlySpan<Block> secret, ulong first, Span<Block> outputs);

    /// <summary>Hashes blocks in place: π(π(x) ⊕ u) ⊕ π(x).</summary>
    /// <param name="roundKeys">Of π.</param>
    /// <param name="blocks">Blocks.</param>
    /// <param name="first">u of the first.</param>
    /// <param name="step">By how much u grows from one to the next.</param>
    public abstract void HashPads(ReadOnlySpan<Block> roundKeys, Span<Block> blocks, ulong first, ulong step);

    /// <summary>
    /// Pads of items: hashed as by <see cref="HashPads"/> is Σ X^i·cot_i ⊕ multiple_j in GF(2^128).
    /// </summary>
    /// <param name="roundKeys">Of π.</param>
    /// <param name="cots">Of all items, one item after the other; 64 items at most.</param>
    /// <param name="choiceBits">COTs of an item, 1 to 4.</param>
    /// <param name="multiples">What is added for each pad.</param>
    /// <param name="width">The lowest bits of a pad that are kept, 1 to 64.</param>
    /// <param name="first">Number of the first COT.</param>
    /// <param name="words">
    /// The bits of pad j and item i are set in word (j / f)·64 + i from bit (j % f)·width on, where f = 64 / width.
    /// </param>
    public abstract void MakePads(
        ReadOnlySpan<Block> roundKeys, ReadOnlySpan<Block> cots, int choiceBits, ReadOnlySpan<Block> multiples,
        int width, ulong first, Span<ulong> words);
}
