using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Security.Cryptography;
using Popcorn.ObliviousTransfer.Bits;
using Instructions = System.Runtime.Intrinsics.X86.Aes;

namespace Popcorn.ObliviousTransfer.Symmetric;

/// <summary>
/// AES-128 (FIPS 197), forward only, of many blocks under one of several keys: with the processor's instructions where
/// it has them on x86, else by the platform's library, which is slower and gives the same.
/// </summary>
internal sealed class Aes128 : IDisposable
{
    private const int Rounds = 10;
    private const int Lanes = 8; // independent blocks that hide the latency of a round
    private const int LibraryBatch = 64;

    private readonly SecretArray<Block> _keys; // expanded where the instructions take them
    private readonly Aes? _library;
    private int _libraryKey = -1;

    /// <summary>Without keys yet.</summary>
    /// <param name="keys">How many there will be.</param>
    /// <param name="instructions">False: without the processor's instructions, even where it has them.</param>
    public Aes128(int keys = 1, bool instructions = true)
    {
        bool expanded = instructions && HasInstructions;
        _keys = new SecretArray<Block>(expanded ? keys * (Rounds + 1) : keys);
        _library = expanded ? null : Aes.Create();
    }

    /// <summary>With one key.</summary>
    /// <param name="key">The key.</param>
    public Aes128(Block key)
        : this() => SetKey(key);

    /// <summary>Whether this processor has instructions for it that are used here.</summary>
    public static bool HasInstructions => Instructions.IsSupported;

    /// <summary>Somebody else's loops over blocks, who takes <see cref="ExpandedKey"/>; null: there are none, or keys
    /// are not expanded here.</summary>
    public BlockKernel? Kernel => _library is null ? BlockKernel.Current : null;

    /// <summary>The round keys of the first key.</summary>
    public ReadOnlySpan<Block> ExpandedKey => _keys.Span[..(Rounds + 1)];

    /// <summary>Takes a key.</summary>
    /// <param name="key">The key.</param>
    /// <param name="index">Its number.</param>
    public void SetKey(Block key, int index = 0)
    {
        if (_library is null)
        {
            Expand(key.AsByte(), RoundKeys(index));
        }
        else
        {
            _keys[index] = key;
            _libraryKey = -1;
        }
    }

    /// <summary>Encrypts what a map says, and hands it what comes out.</summary>
    /// <param name="count">Blocks.</param>
    /// <param name="map">Where they come from and go to; asked in descending order, eight at a time.</param>
    /// <param name="index">Under which key.</param>
    public void Encrypt<TMap>(int count, ref TMap map, int index = 0)
        where TMap : struct, IBlockMap, allows ref struct
    {
        if (_library is null)
        {
            EncryptHere(RoundKeys(index), count, ref map);
        }
        else
        {
            EncryptInLibrary(count, ref map, index);
        }
    }

    /// <summary>Encrypts each block in its place.</summary>
    /// <param name="blocks">Any number of blocks.</param>
    /// <param name="index">Under which key.</param>
    public void Encrypt(Span<Block> blocks, int index = 0)
    {
        var map = new InPlace(ref MemoryMarshal.GetReference(blocks));
        Encrypt(blocks.Length, ref map, index);
    }

    /// <summary>Encrypts one block.</summary>
    /// <param name="block">The block.</param>
    public Block Encrypt(Block block)
    {
        Encrypt(MemoryMarshal.CreateSpan(ref block, 1));
        return block;
    }

    /// <summary>Counter mode: the encryptions of consecutive numbers.</summary>
    /// <param name="first">The first number.</param>
    /// <param name="blocks">Filled.</param>
    /// <param name="index">Under which key.</param>
    public void EncryptCounters(ulong first, Span<Block> blocks, int index = 0) =>
        EncryptCounters(first, blocks, index, Block.AllBitsSet);

    /// <summary>The same, of which only some bits are kept.</summary>
    /// <param name="first">The first number.</param>
    /// <param name="blocks">Filled.</param>
    /// <param name="index">Under which key.</param>
    /// <param name="kept">The bits of every block that are kept.</param>
    public void EncryptCounters(ulong first, Span<Block> blocks, int index, Block kept)
    {
        var map = new Counters(first, kept, ref MemoryMarshal.GetReference(blocks));
        Encrypt(blocks.Length, ref map, index);
    }

    /// <summary>Wipes the keys.</summary>
    public void Dispose()
    {
        _keys.Dispose();
        _library?.Dispose();
    }

    private Span<Vector128<byte>> RoundKeys(int index) =>
        MemoryMarshal.Cast<Block, Vector128<byte>>(_keys.Span.Slice(index * (Rounds + 1), Rounds + 1));

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void EncryptHere<TMap>(ReadOnlySpan<Vector128<byte>> roundKeys, int count, ref TMap blocks)
        where TMap : struct, IBlockMap, allows ref struct
    {
        TMap map = blocks;
        ref Vector128<byte> key = ref MemoryMarshal.GetReference(roundKeys);
        int at = count;
        while (at >= Lanes)
        {
            at -= Lanes;
            Vector128<byte> k = key;
            Vector128<byte> b0 = map.Input(at).AsByte() ^ k;
            Vector128<byte> b1 = map.Input(at + 1).AsByte() ^ k;
            Vector128<byte> b2 = map.Input(at + 2).AsByte() ^ k;
            Vector128<byte> b3 = map.Input(at + 3).AsByte() ^ k;
            Vector128<byte> b4 = map.Input(at + 4).AsByte() ^ k;
            Vector128<byte> b5 = map.Input(at + 5).AsByte() ^ k;
            Vector128<byte> b6 = map.Input(at + 6).AsByte() ^ k;
            Vector128<byte> b7 = map.Input(at + 7).AsByte() ^ k;
            for (int round = 1; round < Rounds; round++)
            {
                k = Unsafe.Add(ref key, round);
                b0 = Instructions.Encrypt(b0, k);
                b1 = Instructions.Encrypt(b1, k);
                b2 = Instructions.Encrypt(b2, k);
                b3 = Instructions.Encrypt(b3, k);
                b4 = Instructions.Encrypt(b4, k);
                b5 = Instructions.Encrypt(b5, k);
                b6 = Instructions.Encrypt(b6, k);
                b7 = Instructions.Encrypt(b7, k);
            }

            k = Unsafe.Add(ref key, Rounds);
            map.Output(at + 7, Instructions.EncryptLast(b7, k).AsUInt64());
            map.Output(at + 6, Instructions.EncryptLast(b6, k).AsUInt64());
            map.Output(at + 5, Instructions.EncryptLast(b5, k).AsUInt64());
            map.Output(at + 4, Instructions.EncryptLast(b4, k).AsUInt64());
            map.Output(at + 3, Instructions.EncryptLast(b3, k).AsUInt64());
            map.Output(at + 2, Instructions.EncryptLast(b2, k).AsUInt64());
            map.Output(at + 1, Instructions.EncryptLast(b1, k).AsUInt64());
            map.Output(at, Instructions.EncryptLast(b0, k).AsUInt64());
        }

        while (--at >= 0)
        {
            Vector128<byte> b = map.Input(at).AsByte() ^ key;
            for (int round = 1; round < Rounds; round++)
            {
                b = Instructions.Encrypt(b, Unsafe.Add(ref key, round));
            }

            map.Output(at, Instructions.EncryptLast(b, Unsafe.Add(ref key, Rounds)).AsUInt64());
        }

        blocks = map;
    }

    private void EncryptInLibrary<TMap>(int count, ref TMap map, int index)
        where TMap : struct, IBlockMap, allows ref struct
    {
        if (_libraryKey != index)
        {
            _library!.SetKey(MemoryMarshal.AsBytes(_keys.Span.Slice(index, 1)));
            _libraryKey = index;
        }

        Span<Block> batch = stackalloc Block[LibraryBatch];
        for (int end = count; end > 0; end -= Math.Min(LibraryBatch, end))
        {
            int begin = Math.Max(0, end - LibraryBatch);
            for (int i = begin; i < end; i++)
            {
                batch[i - begin] = map.Input(i);
            }

            Span<byte> bytes = MemoryMarshal.AsBytes(batch[..(end - begin)]);
            _library!.EncryptEcb(bytes, bytes, PaddingMode.None);
            for (int i = end - 1; i >= begin; i--)
            {
                map.Output(i, batch[i - begin]);
            }
        }

        CryptographicOperations.ZeroMemory(MemoryMarshal.AsBytes(batch));
    }

    private static void Expand(Vector128<byte> key, Span<Vector128<byte>> roundKeys)
    {
        roundKeys[0] = key;
        roundKeys[1] = key = Next(key, Instructions.KeygenAssist(key, 0x01));
        roundKeys[2] = key = Next(key, Instructions.KeygenAssist(key, 0x02));
        roundKeys[3] = key = Next(key, Instructions.KeygenAssist(key, 0x04));
        roundKeys[4] = key = Next(key, Instructions.KeygenAssist(key, 0x08));
        roundKeys[5] = key = Next(key, Instructions.KeygenAssist(key, 0x10));
        roundKeys[6] = key = Next(key, Instructions.KeygenAssist(key, 0x20));
        roundKeys[7] = key = Next(key, Instructions.KeygenAssist(key, 0x40));
        roundKeys[8] = key = Next(key, Instructions.KeygenAssist(key, 0x80));
        roundKeys[9] = key = Next(key, Instructions.KeygenAssist(key, 0x1b));
        roundKeys[10] = Next(key, Instructions.KeygenAssist(key, 0x36));
    }

    /// <summary>Each word of a round key is the sum of those before it in the last one and of its substituted
    /// word.</summary>
    private static Vector128<byte> Next(Vector128<byte> key, Vector128<byte> assisted)
    {
        Vector128<uint> words = key.AsUInt32();
        words ^= Vector128.Shuffle(words, Vector128.Create(4u, 0, 1, 2)); // out of range: zero
        words ^= Vector128.Shuffle(words, Vector128.Create(4u, 4, 0, 1));
        return (words ^ Vector128.Create(assisted.AsUInt32()[3])).AsByte();
    }

    private readonly ref struct InPlace(ref Block blocks) : IBlockMap
    {
        private readonly ref Block _blocks = ref blocks;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Block Input(int index) => Unsafe.Add(ref _blocks, index);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Output(int index, Block cipher) => Unsafe.Add(ref _blocks, index) = cipher;
    }

    private readonly ref struct Counters(ulong first, Block kept, ref Block blocks) : IBlockMap
    {
        private readonly ref Block _blocks = ref blocks;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Block Input(int index) => Vector128.CreateScalar(first + (ulong)index);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Output(int index, Block cipher) => Unsafe.Add(ref _blocks, index) = cipher & kept;
    }
}
