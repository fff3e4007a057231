using System.Runtime.Intrinsics;
using Popcorn.ObliviousTransfer.Correlations;
using Popcorn.ObliviousTransfer.Extension;
using Popcorn.ObliviousTransfer.Symmetric;

namespace Popcorn.ObliviousTransfer.Tests.Symmetric;

/// <summary>Vectors that an independent implementation of the same definitions printed.</summary>
public class HashTests
{
    /// <summary>Of nonces 32 × 01 and 32 × 02, and parameters 32 × 03.</summary>
    internal static byte[] Session { get; } =
        Convert.FromHexString("7c88216514f0127d65fc58938f318b1ffeb0d4c32c461ce2c06f3de123b4eef3");

    [Fact]
    public void A_session_is_made_of_both_nonces_and_the_parameters()
    {
        Assert.Equal(Session, SessionOf(1, 2, 3));
        Assert.NotEqual(Session, SessionOf(2, 1, 3));
        Assert.NotEqual(Session, SessionOf(1, 2, 4));
    }

    [Fact]
    public void Fields_do_not_run_into_each_other()
    {
        var keys = new HashSet<Block>();
        foreach (string[] fields in new[] { ["ab", "c"], ["a", "bc"], ["abc"], ["abc", ""], new[] { "", "abc" } })
        {
            using var kdf = new Kdf(Session, "test");
            foreach (string field in fields)
            {
                kdf.Add(System.Text.Encoding.ASCII.GetBytes(field));
            }

            Assert.True(keys.Add(kdf.DeriveKey()));
        }
    }

    [Fact]
    public void The_children_of_a_seed_are_frozen()
    {
        (Block left, Block right) = SmallField.ChildrenOf(Session, 0, 0, Blocks.Counting(0));
        Assert.Equal("bdb44195436457f396192ed770e5740e", Blocks.Hex(left));
        Assert.Equal("8e01840a89f3bd5b0679e7ea2a2dc86a", Blocks.Hex(right));
    }

    [Fact]
    public void The_hash_of_a_tree_is_frozen()
    {
        using var hash = new TreeHash(Session, 0, 0);
        hash.SetTree(5);
        Assert.Equal("d9b56ef97ab2888b9734b28f106af0ad", Blocks.Hex(HashOf(hash, Blocks.Counting(0))));
    }

    [Fact]
    public void Trees_iterations_directions_and_sessions_have_hashes_of_their_own()
    {
        var hashes = new HashSet<Block>();
        foreach (byte[] session in new[] { Session, SessionOf(1, 2, 4) })
        {
            foreach ((int direction, ulong iteration, int tree) in
                new[] { (0, 0ul, 0), (0, 0ul, 1), (0, 1ul, 0), (1, 0ul, 0) })
            {
                using var hash = new TreeHash(session, direction, iteration);
                hash.SetTree(tree);
                Assert.True(hashes.Add(HashOf(hash, Blocks.Counting(0))));
            }
        }
    }

    [Fact]
    public void Sigma_is_a_bijection_and_so_is_its_sum_with_the_identity()
    {
        Assert.Equal(128, RankOf(TreeHash.Sigma));
        Assert.Equal(128, RankOf(x => TreeHash.Sigma(x) ^ x));

        // Two that look like it and are not.
        Assert.Equal(64, RankOf(x => Vector128.Create(x[0], x[0] ^ x[1]) ^ x));
        Assert.Equal(64, RankOf(x => Vector128.Create(x[0] ^ x[1], x[1]) ^ x));
    }

    [Fact]
    public void Pads_are_frozen()
    {
        Assert.Equal("c7156c2e8c2b58b133c0202daf70164f", Blocks.Hex(PadOf(Session, 0, PadUse.Rot, 1025)));
    }

    [Fact]
    public void Pads_of_one_block_differ_by_number_epoch_use_direction_and_session()
    {
        var pads = new HashSet<Block>();
        foreach (byte[] session in new[] { Session, SessionOf(1, 2, 4) })
        {
            foreach (int direction in new[] { 0, 1 })
            {
                foreach (PadUse use in Enum.GetValues<PadUse>())
                {
                    foreach (ulong number in new ulong[] { 0, 1, 1023, 1024, 1025, 1ul << 40 })
                    {
                        Assert.True(pads.Add(PadOf(session, direction, use, number)));
                    }
                }
            }
        }
    }

    [Fact]
    public void Items_of_a_range_are_hashed_under_their_own_number_and_epoch()
    {
        // Three COTs an item, over the border between two epochs.
        const int CotsPerItem = 3, Items = 20;
        Block[] cots = Blocks.Random(4, CotsPerItem * Items), blocks = Blocks.Random(5, 2 * Items);
        var range = new CotRange(1024 - 31, cots);
        using var hash = new PadHash(Session, 0);
        var expected = new Block[blocks.Length];
        for (int i = 0; i < blocks.Length; i++)
        {
            expected[i] = blocks[i];
            var single = new CotRange(range.First + (ulong)(i % Items * CotsPerItem), cots.AsSpan(0, 1));
            hash.Hash(PadUse.OneOfMany, single, 1, expected.AsSpan(i, 1));
        }

        hash.Hash(PadUse.OneOfMany, range, CotsPerItem, blocks);
        Assert.Equal(expected, blocks);
    }

    internal static byte[] SessionOf(byte client, byte server, byte parameters)
    {
        using var kdf = new Kdf([], "session");
        foreach (byte field in new[] { client, server, parameters })
        {
            kdf.Add(Enumerable.Repeat(field, 32).ToArray());
        }

        var session = new byte[Kdf.Bytes];
        kdf.Derive(session);
        return session;
    }

    private static Block HashOf(TreeHash hash, Block block)
    {
        var map = new Hashed(block);
        hash.Hash(1, ref map);
        return map.Hash;
    }

    private static Block PadOf(byte[] session, int direction, PadUse use, ulong number)
    {
        using var hash = new PadHash(session, direction);
        Block[] block = [Blocks.Counting(0)];
        hash.Hash(use, new CotRange(number, new Block[1]), 1, block);
        return block[0];
    }

    private static int RankOf(Func<Block, Block> linear)
    {
        List<UInt128> rows = [];
        for (int bit = 0; bit < 128; bit++)
        {
            Block image = linear(Vector128.Create(bit < 64 ? 1ul << bit : 0, bit < 64 ? 0 : 1ul << (bit - 64)));
            rows.Add(new UInt128(image[1], image[0]));
        }

        int rank = 0;
        for (UInt128 bit = 1; bit != 0; bit <<= 1)
        {
            int pivot = rows.FindIndex(row => (row & bit) != 0);
            if (pivot >= 0)
            {
                UInt128 row = rows[pivot];
                rows.RemoveAt(pivot);
                rows = [.. rows.Select(other => (other & bit) != 0 ? other ^ row : other)];
                rank++;
            }
        }

        return rank;
    }

    private struct Hashed(Block block) : IBlockMap
    {
        public Block Hash { get; private set; }

        public readonly Block Input(int index) => TreeHash.Sigma(block);

        public void Output(int index, Block cipher) => Hash = cipher ^ TreeHash.Sigma(block);
    }
}
