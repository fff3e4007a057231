using System.Runtime.InteropServices;

namespace Popcorn.ObliviousTransfer.Tests;

/// <summary>Blocks as the vectors of papers and standards write them.</summary>
internal static class Blocks
{
    /// <summary>From 32 hexadecimal digits, the first byte first.</summary>
    public static Block Parse(string hex) => MemoryMarshal.Read<Block>(Convert.FromHexString(hex));

    /// <summary>00, 01, … counting from a byte.</summary>
    public static Block Counting(int from)
    {
        Span<byte> bytes = stackalloc byte[16];
        for (int i = 0; i < bytes.Length; i++)
        {
            bytes[i] = (byte)(from + i);
        }

        return MemoryMarshal.Read<Block>(bytes);
    }

    /// <summary>32 hexadecimal digits.</summary>
    public static string Hex(Block block) =>
        Convert.ToHexStringLower(MemoryMarshal.AsBytes(new ReadOnlySpan<Block>(in block)));

    /// <summary>The bytes of blocks.</summary>
    public static byte[] Bytes(ReadOnlySpan<Block> blocks) => MemoryMarshal.AsBytes(blocks).ToArray();

    /// <summary>Random blocks under a seed.</summary>
    public static Block[] Random(int seed, int count)
    {
        var blocks = new Block[count];
        new Random(seed).NextBytes(MemoryMarshal.AsBytes(blocks.AsSpan()));
        return blocks;
    }
}
