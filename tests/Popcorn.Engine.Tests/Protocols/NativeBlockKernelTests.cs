using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using Popcorn.Engine.Protocols;
using Popcorn.Interop;
using Popcorn.ObliviousTransfer.Bits;
using Popcorn.ObliviousTransfer.Correlations;
using Popcorn.ObliviousTransfer.Extension;
using Popcorn.ObliviousTransfer.Symmetric;
using Block = System.Runtime.Intrinsics.Vector128<ulong>;

namespace Popcorn.Engine.Tests.Protocols;

/// <summary>
/// The native library's vectors give the blocks that .NET's loops give, whose own tests say what is right. Other tests
/// at the same time take one or the other, which is no matter.
/// </summary>
public sealed class NativeBlockKernelTests
{
    private static readonly byte[] Session = [.. Enumerable.Range(0, 32).Select(i => (byte)i)];

    [VectorsTheory]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(5)]
    [InlineData(6)]
    [InlineData(7)]
    [InlineData(10)]
    [InlineData(13)]
    public void Trees_are_the_same(int depth)
    {
        for (int choices = 0; choices < Math.Min(1 << depth, 64); choices++)
        {
            int chosen = choices * ((1 << depth) / Math.Min(1 << depth, 64)) ^ (choices & 1);
            Block[] random = RandomBlocks((depth << 10) + choices, depth + 2);
            (Block delta, Block first) = (random[0] | Vector128.CreateScalar(1ul), random[1]);
            Block[] sent = [.. random[2..].Select(block => block & Vector128.Create(~1ul, ~0ul))];
            Block[] received = [.. sent.Select((q, i) => (chosen >> i & 1) == 0 ? q : q ^ delta)];
            (Block[] corrections, Block[] leaves, Block[] others) = Same(() =>
            {
                using var hash = new TreeHash(Session, 1, 3);
                hash.SetTree(choices);
                Block[] corrections = new Block[depth], leaves = new Block[1 << depth], others = new Block[1 << depth];
                SingleChoiceTree.Send(hash, delta, first, sent, corrections, leaves);
                SingleChoiceTree.Receive(hash, received, corrections, others);
                return (corrections, leaves, others);
            });
            int[] different = [.. Enumerable.Range(0, leaves.Length).Where(i => leaves[i] != others[i])];
            Assert.Equal(delta, leaves[Assert.Single(different)] ^ others[different[0]]);
            Assert.Equal(depth, corrections.Length);
        }
    }

    [VectorsTheory]
    [InlineData(0)]
    [InlineData(4)]
    [InlineData(10)]
    [InlineData(16)]
    [InlineData(19)]
    [InlineData(21)]
    public void Codes_are_the_same(int logSecret)
    {
        Block[] secret = RandomBlocks(logSecret, 1 << logSecret);
        foreach (int count in (int[])[0, 1, 2, 31, 63, 64, 65, 1000, 4096])
        {
            foreach (ulong first in (ulong[])[0, 77, uint.MaxValue, 1ul << 40])
            {
                Same(() =>
                {
                    Block[] outputs = RandomBlocks(count, count);
                    using var code = new LinearCode(Session, 0, 5, logSecret);
                    code.AddTo(secret, first, outputs);
                    return (outputs, outputs, outputs);
                });
            }
        }
    }

    [VectorsFact]
    public void Pads_are_the_same()
    {
        for (int items = 1; items < 140; items++)
        {
            foreach (int cotsOfItem in (int[])[1, 2, 3, 4])
            {
                foreach (ulong first in (ulong[])[0, 1000, (1ul << 50) + 1])
                {
                    Same(() =>
                    {
                        Block[] cots = new Block[items * cotsOfItem];
                        Block[] blocks = RandomBlocks(items, items * (1 << cotsOfItem));
                        using var hash = new PadHash(Session, 1);
                        hash.Hash(PadUse.OneOfMany, new CotRange(first, cots), cotsOfItem, blocks);
                        return (blocks, blocks, blocks);
                    });
                }
            }
        }
    }

    [VectorsFact]
    public void Pads_in_words_are_hashed_sums()
    {
        for (int items = 0; items <= 64; items++)
        {
            foreach ((int choiceBits, int width) in ((int, int)[])[(1, 2), (2, 5), (3, 3), (4, 64), (3, 33)])
            {
                // The keys change within the second range.
                foreach (ulong first in (ulong[])[0, 1000, (1ul << 50) + 1])
                {
                    Block[] cots = RandomBlocks(items, items * choiceBits);
                    Block[] multiples = RandomBlocks(width, 1 << choiceBits);
                    int fit = 64 / width;
                    ulong[] words = new ulong[(multiples.Length + fit - 1) / fit * 64];
                    ulong[] expected = [.. words];
                    using var hash = new PadHash(Session, 1);
                    WithKernel(() => Assert.True(hash.TryMakePads(
                        PadUse.OneOfMany, new CotRange(first, cots), choiceBits, multiples, width, words)));

                    Block[] blocks = [.. multiples.SelectMany(multiple => Enumerable.Range(0, items)
                        .Select(item => multiple ^ SumOf(cots.AsSpan(item * choiceBits, choiceBits))))];
                    hash.Hash(PadUse.OneOfMany, new CotRange(first, cots), choiceBits, blocks);
                    for (int at = 0; at < blocks.Length; at++)
                    {
                        (int pad, int item) = (at / items, at % items);
                        ulong bits = blocks[at][0] & (ulong.MaxValue >> (64 - width));
                        expected[(pad / fit * 64) + item] |= bits << (pad % fit * width);
                    }

                    Assert.Equal(expected, words);
                }
            }
        }

        static Block SumOf(ReadOnlySpan<Block> cots)
        {
            Block sum = default;
            for (int bit = cots.Length - 1; bit >= 0; bit--)
            {
                sum = GaloisField.Double(sum) ^ cots[bit];
            }

            return sum;
        }
    }

    [Fact]
    public void Without_vectors_pads_are_made_otherwise()
    {
        BlockKernel? before = BlockKernel.Current;
        BlockKernel.Current = null;
        using var hash = new PadHash(Session, 1);
        Assert.False(hash.TryMakePads(PadUse.Rot, new CotRange(0, new Block[1]), 1, new Block[2], 1, new ulong[64]));
        BlockKernel.Current = before;
    }

    [VectorsFact]
    public void Lengths_are_checked()
    {
        Block[] keys = new Block[11], cots = new Block[4], leaves = new Block[16], short_ = new Block[15];
        Assert.Throws<ArgumentException>(() => NativeBlocks.SendTree(short_, default, default, cots, cots, leaves));
        Assert.Throws<ArgumentException>(() => NativeBlocks.SendTree(keys, default, default, cots, short_, leaves));
        Assert.Throws<PaillierException>(() => NativeBlocks.SendTree(keys, default, default, cots, cots, short_));
        Assert.Throws<PaillierException>(
            () => NativeBlocks.SendTree(keys, default, default, cots[..1], cots[..1], leaves[..2]));
        Assert.Throws<ArgumentException>(() => NativeBlocks.ReceiveTree(short_, cots, cots, leaves));
        Assert.Throws<ArgumentException>(() => NativeBlocks.ReceiveTree(keys, cots, short_, leaves));
        Assert.Throws<PaillierException>(() => NativeBlocks.ReceiveTree(keys, cots, cots, short_));
        Assert.Throws<ArgumentException>(() => NativeBlocks.AddCode(short_, leaves, 0, leaves));
        Assert.Throws<PaillierException>(() => NativeBlocks.AddCode(keys, short_, 0, leaves));
        Assert.Throws<PaillierException>(() => NativeBlocks.AddCode(keys, [], 0, leaves));
        Assert.Throws<ArgumentException>(() => NativeBlocks.HashPads(short_, leaves, 0, 1));
        Assert.Throws<ArgumentException>(() => NativeBlocks.MakePads(short_, cots, 2, cots, 1, 0, new ulong[64]));
        Assert.Throws<ArgumentException>(() => NativeBlocks.MakePads(keys, cots, 3, cots, 1, 0, new ulong[64]));
        Assert.ThrowsAny<ArgumentException>(() => NativeBlocks.MakePads(keys, cots, 0, cots, 1, 0, new ulong[64]));
        Assert.Throws<PaillierException>(() => NativeBlocks.MakePads(keys, cots, 2, cots, 1, 0, new ulong[1]));
        Assert.Throws<PaillierException>(() => NativeBlocks.MakePads(keys, cots, 2, keys, 1, 0, new ulong[64]));
    }

    /// <summary>What comes out with the vectors, which has to be what comes out without.</summary>
    private static (Block[] First, Block[] Second, Block[] Third) Same(
        Func<(Block[] First, Block[] Second, Block[] Third)> run)
    {
        BlockKernel? before = BlockKernel.Current;
        try
        {
            NativeBlockKernel.Use();
            Assert.NotNull(BlockKernel.Current);
            (Block[] First, Block[] Second, Block[] Third) with = run();
            BlockKernel.Current = null;
            (Block[] First, Block[] Second, Block[] Third) without = run();
            Assert.Equal(without.First, with.First);
            Assert.Equal(without.Second, with.Second);
            Assert.Equal(without.Third, with.Third);
            return with;
        }
        finally
        {
            BlockKernel.Current = before;
        }
    }

    private static void WithKernel(Action run)
    {
        BlockKernel? before = BlockKernel.Current;
        NativeBlockKernel.Use();
        run();
        BlockKernel.Current = before;
    }

    private static Block[] RandomBlocks(int seed, int count)
    {
        var blocks = new Block[count];
        new Random(seed).NextBytes(MemoryMarshal.AsBytes(blocks.AsSpan()));
        return blocks;
    }

    private const string NoVectors = "this processor has no vectors of AES that the native library uses";

    private sealed class VectorsFactAttribute : FactAttribute
    {
        public VectorsFactAttribute() => Skip = NativeBlocks.IsSupported ? null : NoVectors;
    }

    private sealed class VectorsTheoryAttribute : TheoryAttribute
    {
        public VectorsTheoryAttribute() => Skip = NativeBlocks.IsSupported ? null : NoVectors;
    }
}
