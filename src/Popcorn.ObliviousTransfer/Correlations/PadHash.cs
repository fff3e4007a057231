using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Popcorn.ObliviousTransfer.Bits;
using Popcorn.ObliviousTransfer.Extension;
using Popcorn.ObliviousTransfer.Symmetric;

namespace Popcorn.ObliviousTransfer.Correlations;

/// <summary>
/// From blocks that are correlated to pads that are not: H(x, u) = π(π(x) ⊕ u) ⊕ π(x), tweakable circular correlation
/// robust where π is an ideal permutation (Guo, Katz, Wang and Yu 2020, §7.4). The tweak u is the number of the COT, or
/// of the first where several make one block. π is AES under a key for each session, direction, use and 1,024 numbers:
/// who guesses keys aims at as many outputs as one key has, so few are made under each (Guo, Katz, Wang, Weng and Yu
/// 2020).
/// </summary>
internal sealed class PadHash : IDisposable
{
    /// <summary>log₂ of the numbers that share a key.</summary>
    private const int EpochBits = 10;

    private const int Batch = 128;

    private readonly byte[] _session;
    private readonly int _direction;
    private readonly Dictionary<PadUse, UseKeys> _uses = [];
    private readonly SecretArray<Block> _once = new(Batch); // encrypted once

    /// <summary>Of a direction of a session.</summary>
    /// <param name="session">The session's identifier.</param>
    /// <param name="direction">0 or 1.</param>
    public PadHash(ReadOnlySpan<byte> session, int direction)
    {
        _session = session.ToArray();
        _direction = direction;
    }

    /// <summary>Hashes in place the blocks of all items of a range, one or several for each.</summary>
    /// <param name="use">What the pads are for.</param>
    /// <param name="range">The COTs that the blocks were made from.</param>
    /// <param name="cotsPerItem">How many make an item.</param>
    /// <param name="blocks">The first block of every item, the second of every item, …</param>
    public void Hash(PadUse use, CotRange range, int cotsPerItem, Span<Block> blocks)
    {
        UseKeys keys = KeysOf(use);
        int items = range.Blocks.Length / cotsPerItem;
        for (int item = 0, some; item < items; item += some)
        {
            ulong number = range.First + (ulong)(item * cotsPerItem);
            some = Math.Min(ItemsOfEpoch(number, cotsPerItem), Math.Min(items - item, _once.Length));
            Aes128 permutation = keys.ForEpoch(number >> EpochBits);
            Span<Block> once = _once.Span[..some];
            for (int begin = item; begin < blocks.Length; begin += items)
            {
                Span<Block> part = blocks.Slice(begin, some);
                if (permutation.Kernel is { } kernel)
                {
                    kernel.HashPads(permutation.ExpandedKey, part, number, (ulong)cotsPerItem);
                    continue;
                }

                part.CopyTo(once);
                permutation.Encrypt(once);
                var tweaked = new Tweaked(ref part[0], ref once[0], number, (ulong)cotsPerItem);
                permutation.Encrypt(some, ref tweaked);
            }
        }
    }

    /// <summary>Makes pads of COTs in words, where a <see cref="BlockKernel"/> is there to do it.</summary>
    /// <param name="use">What the pads are for.</param>
    /// <param name="range">The COTs, of 64 items at most.</param>
    /// <param name="cotsPerItem">How many make an item.</param>
    /// <param name="multiples">What is added to each item's sum, for one pad after the other.</param>
    /// <param name="width">Bits of a pad that are kept.</param>
    /// <param name="words">As <see cref="BlockKernel.MakePads"/> says; zero.</param>
    /// <returns>Whether it is done.</returns>
    public bool TryMakePads(
        PadUse use, CotRange range, int cotsPerItem, ReadOnlySpan<Block> multiples, int width, Span<ulong> words)
    {
        UseKeys keys = KeysOf(use);
        if (keys.ForEpoch(range.First >> EpochBits).Kernel is not { } kernel)
        {
            return false;
        }

        int items = range.Blocks.Length / cotsPerItem;
        for (int item = 0, some; item < items; item += some)
        {
            ulong number = range.First + (ulong)(item * cotsPerItem);
            some = Math.Min(ItemsOfEpoch(number, cotsPerItem), items - item);
            ReadOnlySpan<Block> cots = range.Blocks.Slice(item * cotsPerItem, some * cotsPerItem);
            kernel.MakePads(
                keys.ForEpoch(number >> EpochBits).ExpandedKey, cots, cotsPerItem, multiples, width, number,
                words[item..]);
        }

        return true;
    }

    /// <summary>Wipes what is left of blocks.</summary>
    public void Forget() => _once.Wipe();

    /// <summary>Wipes the keys.</summary>
    public void Dispose()
    {
        foreach (UseKeys keys in _uses.Values)
        {
            keys.Dispose();
        }

        _once.Dispose();
    }

    /// <summary>Items, from one on, whose numbers share a key.</summary>
    private static int ItemsOfEpoch(ulong number, int cotsPerItem)
    {
        int left = (1 << EpochBits) - (int)(number & ((1ul << EpochBits) - 1));
        return (left + cotsPerItem - 1) / cotsPerItem;
    }

    private UseKeys KeysOf(PadUse use)
    {
        if (!_uses.TryGetValue(use, out UseKeys? keys))
        {
            using var kdf = new Kdf(_session, "pads");
            kdf.Add([(byte)_direction, (byte)use]);
            keys = new UseKeys(kdf.DeriveKey());
            _uses.Add(use, keys);
        }

        return keys;
    }

    private sealed class UseKeys(Block key) : IDisposable
    {
        private readonly Aes128 _epochs = new(key);
        private readonly Aes128 _permutation = new();
        private ulong? _epoch;

        public Aes128 ForEpoch(ulong epoch)
        {
            if (_epoch != epoch)
            {
                _permutation.SetKey(_epochs.Encrypt(Vector128.CreateScalar(epoch)));
                _epoch = epoch;
            }

            return _permutation;
        }

        public void Dispose()
        {
            _epochs.Dispose();
            _permutation.Dispose();
        }
    }

    private readonly ref struct Tweaked(ref Block blocks, ref Block once, ulong first, ulong step) : IBlockMap
    {
        private readonly ref Block _blocks = ref blocks;
        private readonly ref Block _once = ref once;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Block Input(int index) =>
            Unsafe.Add(ref _once, index) ^ Vector128.CreateScalar(first + (step * (ulong)index));

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Output(int index, Block cipher) =>
            Unsafe.Add(ref _blocks, index) = cipher ^ Unsafe.Add(ref _once, index);
    }
}
