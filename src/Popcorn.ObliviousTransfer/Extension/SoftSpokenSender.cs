using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using Popcorn.ObliviousTransfer.Bits;
using Popcorn.ObliviousTransfer.Symmetric;

namespace Popcorn.ObliviousTransfer.Extension;

/// <summary>
/// The side of SoftSpoken that holds Δ and gets q; see <see cref="SmallField"/>. Its digits are secret: the seed that
/// it lacks is made of nothing and masked away, never left out.
/// </summary>
internal sealed class SoftSpokenSender : IDisposable
{
    private readonly Aes128 _seeds = new(SmallField.Digits * SmallField.Leaves);
    private readonly SecretArray<Block> _rows = new(128 * SmallField.BatchBlocks);
    private readonly SecretArray<Block> _streams = new(SmallField.Leaves * SmallField.BatchBlocks);
    private readonly SecretArray<Block> _own = new(SmallField.BatchBlocks);
    private readonly SecretArray<Block> _known = new(SmallField.Digits * SmallField.Leaves); // masks: all ones, or zero
    private readonly SecretArray<Block> _digits = new(128); // Δ, a mask for each bit
    private ulong _block; // of the streams, which run on over all batches

    /// <summary>Learns the seeds from the receiver's message.</summary>
    /// <param name="session">The session's identifier.</param>
    /// <param name="direction">0 or 1.</param>
    /// <param name="delta">Δ.</param>
    /// <param name="keys">One key of each base transfer, that of the choice that <see cref="ChoicesFor"/> says.</param>
    /// <param name="message">The receiver's, <see cref="SmallField.TreeBytes"/>.</param>
    public SoftSpokenSender(
        ReadOnlySpan<byte> session, int direction, Block delta, SecretArray<Block> keys, ReadOnlySpan<byte> message)
    {
        for (int bit = 0; bit < 128; bit++)
        {
            _digits[bit] = Vector128.Create(0 - BitOf(delta, bit));
        }

        ReadOnlySpan<Block> sums = MemoryMarshal.Cast<byte, Block>(message[..SmallField.TreeBytes]);
        using var tree = new SecretArray<Block>(SmallField.Leaves);
        for (int digit = 0; digit < SmallField.Digits; digit++)
        {
            ulong path = 0; // to the seed that it lacks; everything on it is zero
            tree.Wipe();
            for (int level = 0; level < SmallField.Bits; level++)
            {
                int transfer = (SmallField.Bits * digit) + level;
                ulong onPath = BitOf(delta, (SmallField.Bits * digit) + SmallField.Bits - 1 - level);
                Block left = sums[2 * transfer], right = sums[(2 * transfer) + 1];
                for (int node = (1 << level) - 1; node >= 0; node--)
                {
                    (Block first, Block second) = SmallField.ChildrenOf(session, direction, digit, tree[node]);
                    Block known = ~Vector128.Equals(Vector128.Create((ulong)node), Vector128.Create(path));
                    tree[2 * node] = first &= known;
                    tree[(2 * node) + 1] = second &= known;
                    left ^= first;
                    right ^= second;
                }

                // The sum that its key opens is of the side that is not on the path; what is left of it is the node
                // there.
                Block isRight = Vector128.Create(onPath - 1);
                Block sibling = keys[transfer] ^ Vector128.ConditionalSelect(isRight, right, left);
                Block place = Vector128.Create((2 * path) + (1 ^ onPath));
                for (int node = 0; node < 2 << level; node++)
                {
                    tree[node] ^= sibling & Vector128.Equals(Vector128.Create((ulong)node), place);
                }

                path = (2 * path) + onPath;
            }

            for (int leaf = 0; leaf < SmallField.Leaves; leaf++)
            {
                int index = (digit * SmallField.Leaves) + leaf;
                _known[index] = ~Vector128.Equals(Vector128.Create((ulong)leaf), Vector128.Create(path));
                _seeds.SetKey(tree[leaf], index);
            }
        }
    }

    /// <summary>The choices of the base transfers that a Δ asks for: of each level the side that is not on the
    /// path.</summary>
    /// <param name="delta">Δ.</param>
    /// <param name="choices">Filled, 128 of them, 0 or 1.</param>
    public static void ChoicesFor(Block delta, Span<byte> choices)
    {
        for (int digit = 0; digit < SmallField.Digits; digit++)
        {
            for (int level = 0; level < SmallField.Bits; level++)
            {
                int bit = (SmallField.Bits * digit) + SmallField.Bits - 1 - level;
                choices[(SmallField.Bits * digit) + level] = (byte)(1 ^ BitOf(delta, bit));
            }
        }
    }

    /// <summary>Makes COTs.</summary>
    /// <param name="message">The receiver's, <see cref="SmallField.BytesFor"/>.</param>
    /// <param name="cots">Filled, a multiple of 128: q, with bit 0 clear.</param>
    public void Extend(ReadOnlySpan<byte> message, Span<Block> cots)
    {
        int bytesOfRow = cots.Length / 8;
        Span<Block> rows = _rows.Span, streams = _streams.Span, own = _own.Span;
        for (int begin = 0; begin < cots.Length; begin += 128 * SmallField.BatchBlocks)
        {
            int blocks = Math.Min(SmallField.BatchBlocks, (cots.Length - begin) / 128);
            for (int digit = 0; digit < SmallField.Digits; digit++)
            {
                for (int leaf = 0; leaf < SmallField.Leaves; leaf++)
                {
                    int index = (digit * SmallField.Leaves) + leaf;
                    _seeds.EncryptCounters(
                        _block, streams.Slice(leaf * SmallField.BatchBlocks, blocks), index, _known[index]);
                }

                // The sums over x; what is wanted are those over x ⊕ a, which differ by u where a has the bit, and by
                // what the receiver says that its choices of this digit differ from those of the first.
                int row = SmallField.Bits * digit;
                Span<Block> sums = rows.Slice(row * SmallField.BatchBlocks, SmallField.Bits * SmallField.BatchBlocks);
                SmallField.Sum(streams, sums, own);
                if (digit > 0)
                {
                    ReadOnlySpan<Block> difference = MemoryMarshal.Cast<byte, Block>(
                        message.Slice(((digit - 1) * bytesOfRow) + (begin / 8), 16 * blocks));
                    for (int i = 0; i < blocks; i++)
                    {
                        own[i] ^= difference[i];
                    }
                }

                for (int bit = 0; bit < SmallField.Bits; bit++)
                {
                    AddWhere(_digits[row + bit], own, sums.Slice(bit * SmallField.BatchBlocks, own.Length));
                }
            }

            rows[..SmallField.BatchBlocks].Clear(); // bit 0 of q
            BitTransposition.Transpose128(
                MemoryMarshal.Cast<Block, ulong>(rows), 2 * SmallField.BatchBlocks, cots.Slice(begin, 128 * blocks));
            _block += (ulong)blocks;
        }

        _rows.Wipe();
        _streams.Wipe();
        _own.Wipe();
    }

    /// <summary>Wipes the seeds and Δ.</summary>
    public void Dispose()
    {
        _seeds.Dispose();
        _rows.Dispose();
        _streams.Dispose();
        _own.Dispose();
        _known.Dispose();
        _digits.Dispose();
    }

    private static void AddWhere(Block mask, ReadOnlySpan<Block> from, Span<Block> to)
    {
        ReadOnlySpan<Vector512<ulong>> wideFrom = MemoryMarshal.Cast<Block, Vector512<ulong>>(from);
        Span<Vector512<ulong>> wideTo = MemoryMarshal.Cast<Block, Vector512<ulong>>(to);
        Vector512<ulong> wideMask = Vector512.Create(mask[0]); // all ones, or zero
        for (int i = 0; i < wideTo.Length; i++)
        {
            wideTo[i] ^= wideMask & wideFrom[i];
        }
    }

    private static ulong BitOf(Block block, int bit) => (block[bit / 64] >> (bit % 64)) & 1;
}
