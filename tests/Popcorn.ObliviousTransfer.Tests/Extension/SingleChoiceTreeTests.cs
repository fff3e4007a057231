using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Security.Cryptography;
using Popcorn.ObliviousTransfer.Extension;
using Popcorn.ObliviousTransfer.Symmetric;
using Popcorn.ObliviousTransfer.Tests.Symmetric;

namespace Popcorn.ObliviousTransfer.Tests.Extension;

public class SingleChoiceTreeTests
{
    private static readonly Block ChoiceBit = Vector128.CreateScalar(1ul);

    [Fact]
    public void A_tree_is_frozen()
    {
        Block[] cots =
            [.. Enumerable.Range(0, 3).Select(level => Vector128.Create((byte)(0x20 + (2 * level))).AsUInt64())];
        var corrections = new Block[3];
        var leaves = new Block[8];
        using TreeHash hash = HashOfTree(5);
        SingleChoiceTree.Send(
            hash, Blocks.Counting(16) | ChoiceBit, Blocks.Counting(0), cots, corrections, leaves);
        Assert.Equal("202122232425262728292a2b2c2d2e2f", Blocks.Hex(corrections[0]));
        Assert.Equal("bc79fd6532e4a9c88adeb4a7bbcb729f", Sha(corrections));
        Assert.Equal("13639b936561dc59c0ef51f163974eb9", Sha(leaves));
    }

    [Theory]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(5)]
    [InlineData(6)]
    [InlineData(7)]
    public void The_leaves_differ_by_delta_at_the_position_that_the_choices_say_and_nowhere_else(int depth)
    {
        for (int choices = 0; choices < 1 << depth; choices++)
        {
            (Block delta, Block[] sent, Block[] corrections, Block[] received) = Run(depth, choices, corrected: 0);
            int position = PositionOf(depth, choices);
            for (int leaf = 0; leaf < sent.Length; leaf++)
            {
                Assert.Equal(leaf == position ? delta : default, sent[leaf] ^ received[leaf]);
                Assert.Equal(0ul, sent[leaf][0] & 1);
            }

            Assert.Equal(sent.Length, sent.Distinct().Count());
            Assert.Equal(depth, corrections.Length);
        }
    }

    [Fact]
    public void A_changed_correction_makes_other_leaves()
    {
        const int Depth = 5, Choices = 0b01101;
        for (int level = 0; level < Depth; level++)
        {
            (Block delta, Block[] sent, _, Block[] received) = Run(Depth, Choices, corrected: 1 << level);
            int wrong = sent.Zip(received).Count(pair => (pair.First ^ pair.Second) != default
                && (pair.First ^ pair.Second) != delta);
            Assert.NotEqual(0, wrong);
        }
    }

    /// <summary>Both sides; a set bit of corrected inverts a level's correction on its way.</summary>
    private static (Block Delta, Block[] Sent, Block[] Corrections, Block[] Received) Run(
        int depth, int choices, int corrected)
    {
        Block[] random = Blocks.Random((depth << 10) + choices, depth + 2);
        Block delta = random[0] | ChoiceBit;
        Block[] q = [.. random.Skip(2).Select(block => block & ~ChoiceBit)];
        Block[] t = [.. q.Select((block, level) => ((choices >> level) & 1) == 1 ? block ^ delta : block)];
        Block[] corrections = new Block[depth], sent = new Block[1 << depth], received = new Block[1 << depth];
        using TreeHash hash = HashOfTree(depth);
        SingleChoiceTree.Send(hash, delta, random[1], q, corrections, sent);
        Block[] arrived = [.. corrections.Select((c, level) => ((corrected >> level) & 1) == 1 ? ~c : c)];
        SingleChoiceTree.Receive(hash, t, arrived, received);
        return (delta, sent, corrections, received);
    }

    private static int PositionOf(int depth, int choices)
    {
        int position = 0;
        for (int level = 0; level < depth; level++)
        {
            position = (2 * position) + (1 ^ ((choices >> level) & 1));
        }

        return position;
    }

    private static TreeHash HashOfTree(int tree)
    {
        var hash = new TreeHash(HashTests.Session, 0, 0);
        hash.SetTree(tree);
        return hash;
    }

    private static string Sha(ReadOnlySpan<Block> blocks) =>
        Convert.ToHexStringLower(SHA256.HashData(MemoryMarshal.AsBytes(blocks)))[..32];
}
