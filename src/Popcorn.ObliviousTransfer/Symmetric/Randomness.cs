using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace Popcorn.ObliviousTransfer.Symmetric;

/// <summary>Where random bytes come from: the operating system. Tests alone put another in its place.</summary>
internal class Randomness
{
    /// <summary>The operating system.</summary>
    public static Randomness System { get; } = new();

    /// <summary>Fills with random bytes.</summary>
    public virtual void Fill(Span<byte> bytes) => RandomNumberGenerator.Fill(bytes);

    /// <summary>Fills with random blocks.</summary>
    public void Fill(Span<Block> blocks) => Fill(MemoryMarshal.AsBytes(blocks));

    /// <summary>A random block.</summary>
    public Block NextBlock()
    {
        Block block = default;
        Fill(MemoryMarshal.CreateSpan(ref block, 1));
        return block;
    }
}
