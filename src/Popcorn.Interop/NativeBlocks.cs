using System.Numerics;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Security.Cryptography;
using Popcorn.Interop.Native;

namespace Popcorn.Interop;

/// <summary>
/// Loops of oblivious transfer over blocks of 128 bits, little-endian numbers, with the processor's vectors of AES-128:
/// .NET has instructions for one block at a time only. Everything here is thread-safe and takes time that no block
/// tells anything of. Round keys are the 11 blocks of an expanded key (FIPS 197); spans have to have the lengths that
/// are said, or what is thrown is an <see cref="ArgumentException"/>.
/// </summary>
public static class NativeBlocks
{
    private const int RoundKeys = 11;

    private static readonly Lazy<bool> Supported = new(() => AreThere() && AreRight());

    /// <summary>Whether this processor and this build of the native library have them; where not, the others throw.
    /// </summary>
    /// <exception cref="PaillierException">The native library is missing, does not fit or fails its test.</exception>
    public static bool IsSupported => Supported.Value;

    /// <summary>
    /// Single-point correlated transfers by half trees (Guo, Yang, Wang, Zhang, Xie, Liu and Zhao 2023), the sender's
    /// side: the leaves of a tree whose first nodes are <paramref name="first"/> and that plus
    /// <paramref name="delta"/>, and for each level the sum of its left nodes plus one transfer.
    /// </summary>
    /// <param name="roundKeys">The tree's.</param>
    /// <param name="delta">Δ; its bit 0 is 1.</param>
    /// <param name="first">A random node.</param>
    /// <param name="cots">One for each level, 2 to 24 of them.</param>
    /// <param name="corrections">Filled, as many.</param>
    /// <param name="leaves">Filled, 2^levels.</param>
    /// <exception cref="PaillierException">Not supported here.</exception>
    public static void SendTree(
        ReadOnlySpan<Vector128<ulong>> roundKeys, Vector128<ulong> delta, Vector128<ulong> first,
        ReadOnlySpan<Vector128<ulong>> cots, Span<Vector128<ulong>> corrections, Span<Vector128<ulong>> leaves)
    {
        RequireLength(roundKeys.Length, RoundKeys, nameof(roundKeys));
        RequireLength(corrections.Length, cots.Length, nameof(corrections));
        NativeStatus.Check(
            NativeMethods.TreeSend(
                MemoryMarshal.AsBytes(roundKeys), BytesOf(in delta), BytesOf(in first), MemoryMarshal.AsBytes(cots),
                cots.Length, MemoryMarshal.AsBytes(corrections), MemoryMarshal.AsBytes(leaves), leaves.Length),
            "a tree's leaves");
    }

    /// <summary>The receiver's side of the same.</summary>
    /// <param name="roundKeys">The tree's.</param>
    /// <param name="cots">One for each level; bit 0 is its choice.</param>
    /// <param name="corrections">What the sender sent, as many.</param>
    /// <param name="leaves">
    /// Filled, 2^levels: the sender's, but on the path that the complements of the choices name, the highest bit
    /// first. That one differs by Δ.
    /// </param>
    /// <exception cref="PaillierException">Not supported here.</exception>
    public static void ReceiveTree(
        ReadOnlySpan<Vector128<ulong>> roundKeys, ReadOnlySpan<Vector128<ulong>> cots,
        ReadOnlySpan<Vector128<ulong>> corrections, Span<Vector128<ulong>> leaves)
    {
        RequireLength(roundKeys.Length, RoundKeys, nameof(roundKeys));
        RequireLength(corrections.Length, cots.Length, nameof(corrections));
        NativeStatus.Check(
            NativeMethods.TreeReceive(
                MemoryMarshal.AsBytes(roundKeys), MemoryMarshal.AsBytes(cots), MemoryMarshal.AsBytes(corrections),
                cots.Length, MemoryMarshal.AsBytes(leaves), leaves.Length),
            "a tree's leaves");
    }

    /// <summary>Adds to each output ten blocks of a vector, at places that AES in counter mode says.</summary>
    /// <param name="roundKeys">The code's, public.</param>
    /// <param name="secret">The vector: a power of two of blocks, 2^21 at most.</param>
    /// <param name="first">Number of the first output.</param>
    /// <param name="outputs">Outputs.</param>
    /// <exception cref="PaillierException">Not supported here.</exception>
    public static void AddCode(
        ReadOnlySpan<Vector128<ulong>> roundKeys, ReadOnlySpan<Vector128<ulong>> secret, ulong first,
        Span<Vector128<ulong>> outputs)
    {
        RequireLength(roundKeys.Length, RoundKeys, nameof(roundKeys));
        NativeStatus.Check(
            NativeMethods.CodeAdd(
                MemoryMarshal.AsBytes(roundKeys), MemoryMarshal.AsBytes(secret), secret.Length, first,
                MemoryMarshal.AsBytes(outputs), outputs.Length),
            "a sparse code");
    }

    /// <summary>Hashes blocks in their place: π(π(x) ⊕ u) ⊕ π(x) with π = AES.</summary>
    /// <param name="roundKeys">The permutation's.</param>
    /// <param name="blocks">Any number of blocks.</param>
    /// <param name="first">u of the first.</param>
    /// <param name="step">By how much u grows from one to the next.</param>
    /// <exception cref="PaillierException">Not supported here.</exception>
    public static void HashPads(
        ReadOnlySpan<Vector128<ulong>> roundKeys, Span<Vector128<ulong>> blocks, ulong first, ulong step)
    {
        RequireLength(roundKeys.Length, RoundKeys, nameof(roundKeys));
        NativeStatus.Check(
            NativeMethods.PadsHash(
                MemoryMarshal.AsBytes(roundKeys), MemoryMarshal.AsBytes(blocks), blocks.Length, first, step),
            "pads of transfers");
    }

    /// <summary>
    /// Pads of items, each made of as many transfers in a row as it has bits of choice: hashed as by
    /// <see cref="HashPads"/> is Σ X^i·cot_i + multiple_j in GF(2^128) = GF(2)[X] / (X^128 + X^7 + X^2 + X + 1).
    /// </summary>
    /// <param name="roundKeys">The permutation's.</param>
    /// <param name="cots">Of all items, one item after the other; 64 items at most.</param>
    /// <param name="choiceBits">Transfers of an item, 1 to 4.</param>
    /// <param name="multiples">What is added for each pad: 1 to 2^choiceBits of them.</param>
    /// <param name="width">The lowest bits of a pad that are kept, 1 to 64.</param>
    /// <param name="first">Number of the first transfer.</param>
    /// <param name="words">
    /// The bits of pad j and item i are set in word (j / f)·64 + i from bit (j % f)·width on, where f = 64 / width.
    /// </param>
    /// <exception cref="PaillierException">Not supported here, or these are other numbers.</exception>
    public static void MakePads(
        ReadOnlySpan<Vector128<ulong>> roundKeys, ReadOnlySpan<Vector128<ulong>> cots, int choiceBits,
        ReadOnlySpan<Vector128<ulong>> multiples, int width, ulong first, Span<ulong> words)
    {
        RequireLength(roundKeys.Length, RoundKeys, nameof(roundKeys));
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(choiceBits);
        RequireLength(cots.Length % choiceBits, 0, nameof(cots));
        NativeStatus.Check(
            NativeMethods.PadsMake(
                MemoryMarshal.AsBytes(roundKeys), MemoryMarshal.AsBytes(cots), cots.Length / choiceBits, choiceBits,
                MemoryMarshal.AsBytes(multiples), multiples.Length, width, first, words, words.Length),
            "pads of transfers");
    }

    private static ReadOnlySpan<byte> BytesOf(in Vector128<ulong> block) =>
        MemoryMarshal.AsBytes(new ReadOnlySpan<Vector128<ulong>>(in block));

    private static void RequireLength(int length, int expected, string name)
    {
        if (length != expected)
        {
            throw new ArgumentException($"these are {length} blocks, not {expected}", name);
        }
    }

    private static bool AreThere()
    {
        PaillierLibrary.EnsureLoaded();
        NativeStatus.Check(NativeMethods.BlocksOfVector(out int blocks), "vectors of blocks");
        return blocks > 0;
    }

    /// <summary>Pads under the expanded key of FIPS 197, appendix A.1, against those that the platform's AES makes.
    /// </summary>
    private static bool AreRight()
    {
        const int Blocks = 45; // whole vectors and a part of one
        byte[] roundKeys = Convert.FromHexString(
            "2b7e151628aed2a6abf7158809cf4f3ca0fafe1788542cb123a339392a6c7605f2c295f27a96b9435935807a7359f67f"
            + "3d80477d4716fe3e1e237e446d7a883bef44a541a8525b7fb671253bdb0bad00d4d1c6f87c839d87caf2b8bc11f915bc"
            + "6d88a37a110b3efddbf98641ca0093fd4e54f70e5f5fc9f384a64fb24ea6dc4fead27321b58dbad2312bf5607f8d292f"
            + "ac7766f319fadc2128d12941575c006ed014f9a8c9ee2589e13f0cc8b6630ca6");
        using Aes aes = Aes.Create();
        aes.SetKey(roundKeys.AsSpan(0, aes.BlockSize / 8));
        var blocks = new Vector128<ulong>[Blocks];
        var expected = new Vector128<ulong>[Blocks];
        for (int i = 0; i < Blocks; i++)
        {
            blocks[i] = Vector128.Create((ulong)i * 0x9e3779b97f4a7c15, BitOperations.RotateLeft(0x5851f42dul, i));
            Vector128<ulong> once = Encrypt(blocks[i]);
            expected[i] = Encrypt(once ^ Vector128.CreateScalar(7 + (3 * (ulong)i))) ^ once;
        }

        HashPads(MemoryMarshal.Cast<byte, Vector128<ulong>>(roundKeys), blocks, 7, 3);
        return blocks.AsSpan().SequenceEqual(expected);

        Vector128<ulong> Encrypt(Vector128<ulong> block)
        {
            Span<byte> bytes = MemoryMarshal.AsBytes(MemoryMarshal.CreateSpan(ref block, 1));
            aes.EncryptEcb(bytes, bytes, PaddingMode.None);
            return block;
        }
    }
}
