using System.Runtime.InteropServices;
using Popcorn.ObliviousTransfer.Bits;
using Popcorn.ObliviousTransfer.Symmetric;

namespace Popcorn.ObliviousTransfer.Extension;

/// <summary>The side of SoftSpoken that gets random choices r and t = q ⊕ r·Δ; see <see cref="SmallField"/>.</summary>
internal sealed class SoftSpokenReceiver : IDisposable
{
    private readonly Aes128 _seeds = new(SmallField.Digits * SmallField.Leaves);
    private readonly SecretArray<Block> _rows = new(128 * SmallField.BatchBlocks);
    private readonly SecretArray<Block> _streams = new(SmallField.Leaves * SmallField.BatchBlocks);
    private readonly SecretArray<Block> _own = new(SmallField.BatchBlocks);
    private readonly SecretArray<Block> _choices = new(SmallField.BatchBlocks);
    private ulong _block; // of the streams, which run on over all batches

    /// <summary>Makes the seeds, and the message that tells the sender all but those of its digits.</summary>
    /// <param name="session">The session's identifier.</param>
    /// <param name="direction">0 or 1.</param>
    /// <param name="random">A random block for each digit: the root of its tree.</param>
    /// <param name="pairs">Both keys of each base transfer.</param>
    /// <param name="message">Filled, <see cref="SmallField.TreeBytes"/>.</param>
    public SoftSpokenReceiver(
        ReadOnlySpan<byte> session, int direction, ReadOnlySpan<Block> random, SecretArray<Block> pairs,
        Span<byte> message)
    {
        Span<Block> sums = MemoryMarshal.Cast<byte, Block>(message[..SmallField.TreeBytes]);
        using var tree = new SecretArray<Block>(SmallField.Leaves);
        for (int digit = 0; digit < SmallField.Digits; digit++)
        {
            tree[0] = random[digit];
            for (int level = 0; level < SmallField.Bits; level++)
            {
                int transfer = (SmallField.Bits * digit) + level;
                Block left = pairs[2 * transfer], right = pairs[(2 * transfer) + 1];
                for (int node = (1 << level) - 1; node >= 0; node--)
                {
                    (Block first, Block second) = SmallField.ChildrenOf(session, direction, digit, tree[node]);
                    tree[2 * node] = first;
                    tree[(2 * node) + 1] = second;
                    left ^= first;
                    right ^= second;
                }

                sums[2 * transfer] = left;
                sums[(2 * transfer) + 1] = right;
            }

            for (int leaf = 0; leaf < SmallField.Leaves; leaf++)
            {
                _seeds.SetKey(tree[leaf], (digit * SmallField.Leaves) + leaf);
            }
        }
    }

    /// <summary>Makes COTs.</summary>
    /// <param name="message">Filled, <see cref="SmallField.BytesFor"/>: what the sender is sent.</param>
    /// <param name="cots">Filled, a multiple of 128: t, with the choice as bit 0.</param>
    public void Extend(Span<byte> message, Span<Block> cots)
    {
        int bytesOfRow = cots.Length / 8;
        Span<Block> rows = _rows.Span, streams = _streams.Span, own = _own.Span, common = _choices.Span;
        for (int begin = 0; begin < cots.Length; begin += 128 * SmallField.BatchBlocks)
        {
            int blocks = Math.Min(SmallField.BatchBlocks, (cots.Length - begin) / 128);
            for (int digit = 0; digit < SmallField.Digits; digit++)
            {
                for (int leaf = 0; leaf < SmallField.Leaves; leaf++)
                {
                    _seeds.EncryptCounters(
                        _block,
                        streams.Slice(leaf * SmallField.BatchBlocks, blocks),
                        (digit * SmallField.Leaves) + leaf);
                }

                SmallField.Sum(streams, rows[(SmallField.Bits * SmallField.BatchBlocks * digit)..], own);
                if (digit == 0)
                {
                    // All digits shall have the choices of this one. Its row 0 carries them, as bit 0 of t, since bit 0
                    // of Δ is 1 and that of q shall be 0.
                    own.CopyTo(common);
                    own.CopyTo(rows);
                    continue;
                }

                for (int i = 0; i < own.Length; i++)
                {
                    own[i] ^= common[i];
                }

                MemoryMarshal.AsBytes(own[..blocks]).CopyTo(message[(((digit - 1) * bytesOfRow) + (begin / 8))..]);
            }

            BitTransposition.Transpose128(
                MemoryMarshal.Cast<Block, ulong>(rows), 2 * SmallField.BatchBlocks, cots.Slice(begin, 128 * blocks));
            _block += (ulong)blocks;
        }

        _rows.Wipe();
        _streams.Wipe();
        _own.Wipe();
        _choices.Wipe();
    }

    /// <summary>Wipes the seeds.</summary>
    public void Dispose()
    {
        _seeds.Dispose();
        _rows.Dispose();
        _streams.Dispose();
        _own.Dispose();
        _choices.Dispose();
    }
}
