using Popcorn.Engine;

namespace Popcorn.Fuzz;

/// <summary>A reader of bytes that others wrote, and what it may do with any of them.</summary>
public abstract class FuzzTarget
{
    /// <summary>Longest input, in bytes.</summary>
    public virtual int MostBytes => 1 << 16;

    /// <summary>
    /// Bytes of managed memory that reading may take beside a multiple of the input: what a hostile peer can cost.
    /// </summary>
    public virtual long MostMemory => 50 << 20;

    /// <summary>Inputs that the tests try.</summary>
    public virtual int InputsOfTest => 10_000;

    /// <summary>Its name on the command line.</summary>
    public abstract string Name { get; }

    /// <summary>Words that say something to this reader.</summary>
    public virtual IReadOnlyList<byte[]> Words => [];

    /// <summary>Valid inputs, and others of interest; the corpus comes to them.</summary>
    public abstract IEnumerable<byte[]> Seeds();

    /// <summary>Reads an input.</summary>
    public abstract void Run(ReadOnlySpan<byte> input);

    /// <summary>Whether this is how the reader refuses an input. Anything else is a defect.</summary>
    public virtual bool IsRefusal(Exception exception) => exception is PopcornException;

    /// <summary>
    /// An input made of others. What is behind a checksum is changed before it, or no change would get through.
    /// </summary>
    /// <param name="input">One of the inputs that are known.</param>
    /// <param name="other">Another one.</param>
    /// <param name="random">Decides; the same for the same seed.</param>
    public virtual byte[] Mutate(byte[] input, byte[] other, Random random) =>
        Mutations.Bytes(input, other, Words, random);

    /// <summary>Inputs of the repository's corpus: recorded sessions, and what broke once.</summary>
    protected IEnumerable<byte[]> Corpus() => CorpusFiles.Of(Name);
}
