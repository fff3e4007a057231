using System.Numerics;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using Popcorn.ObliviousTransfer.Base;
using Popcorn.ObliviousTransfer.Bits;
using Popcorn.ObliviousTransfer.Extension;
using Popcorn.ObliviousTransfer.Flows;
using Popcorn.ObliviousTransfer.Sessions;
using Popcorn.ObliviousTransfer.Symmetric;
using Popcorn.ObliviousTransfer.Tests.Correlations;
using Popcorn.ObliviousTransfer.Tests.Symmetric;

namespace Popcorn.ObliviousTransfer.Tests.Sessions;

/// <summary>
/// What each party sees of a connection is uniform and does not go with what it must not know; and the same tests find
/// what is nearly right. Where the randomness is real, a test fails by chance less than once in 10^9 runs.
/// </summary>
public sealed class ViewTests
{
    private const int Items = 1 << 12;

    private static readonly BigInteger P = BigInteger.Pow(2, 256) - BigInteger.Pow(2, 224) + BigInteger.Pow(2, 192)
        + BigInteger.Pow(2, 96) - 1;

    /// <summary>
    /// Of a random point the y-coordinate is a square modulo p as often as not, as of one with a known logarithm; a
    /// root of which the sign is not drawn is always the same of the two, here the one that is a square.
    /// </summary>
    [Fact]
    public void Points_of_the_base_transfers_do_not_tell_which_was_chosen()
    {
        foreach (byte choice in new byte[] { 0, 1 })
        {
            int[] squares = new int[2], odd = new int[2];
            int always = 0;
            for (int i = 0; i < 2; i++)
            {
                using var receiver = new BaseReceiver([.. Enumerable.Repeat(choice, 128)]);
                int number = 0;
                foreach (byte[] point in receiver.Message.ToArray().Chunk(P256.PointBytes))
                {
                    var y = new BigInteger(point.AsSpan(32), isUnsigned: true, isBigEndian: true);
                    int which = number++ % 2, isSquare = IsSquare(y) ? 1 : 0;
                    squares[which] += isSquare;
                    odd[which] += (int)(y & 1);
                    always += which != choice && IsSquare(isSquare == 1 ? y : P - y) ? 1 : 0;
                }
            }

            // 256 coins: 6.6 deviations of 8, 4·10^-11 each.
            Assert.All(squares.Concat(odd), count => Assert.InRange(count, 128 - 53, 128 + 53));
            Assert.NotInRange(always, 128 - 53, 128 + 53);
        }
    }

    [Fact]
    public void Corrections_of_the_derived_base_transfers_do_not_tell_delta()
    {
        int masked = 0, unmasked = 0, total = 0;
        for (int i = 0; i < 3; i++)
        {
            using SetUp server = SetUp.For(Party.Server, TransferOptions.Short);
            using SetUp client = SetUp.For(Party.Client, TransferOptions.Short);
            byte[] message = TwoParties.Run(server, client)[2];
            using Transfers ofClient = client.Finish();
            byte[] choices = new byte[128];
            SoftSpokenSender.ChoicesFor(ofClient.Sending.Delta, choices);
            for (int bit = 0; bit < 128; bit++, total++)
            {
                int sent = (message[^(16 - (bit / 8))] >> (bit % 8)) & 1;
                masked += sent ^ choices[bit];
                unmasked += choices[bit] ^ choices[bit]; // the choice itself in place of what is sent
            }
        }

        // 384 coins: 6.6 deviations of 9.8.
        Assert.InRange(masked, (total / 2) - 65, (total / 2) + 65);
        Assert.NotInRange(unmasked, (total / 2) - 65, (total / 2) + 65);
    }

    [Fact]
    public void Sums_of_seeds_are_masked_by_the_keys_of_the_base_transfers()
    {
        Block[] roots = Blocks.Random(1, SmallField.Digits);
        byte[] first = Sums(Blocks.Random(2, 256)), second = Sums(Blocks.Random(3, 256));
        Assert.True(AreUnrelated(first, second));
        Assert.False(AreUnrelated(Sums(new Block[256]), Sums(new Block[256])));

        // One key for all.
        Block[] same = [.. Enumerable.Repeat(Blocks.Random(4, 1)[0], 256)];
        Block[] other = [.. Enumerable.Repeat(Blocks.Random(5, 1)[0], 256)];
        byte[] difference = [.. Sums(same).Zip(Sums(other), (x, y) => (byte)(x ^ y))];
        Assert.False(AreUnrelated(difference[..2048], difference[2048..]));
        difference = [.. first.Zip(second, (x, y) => (byte)(x ^ y))];
        Assert.True(AreUnrelated(difference[..2048], difference[2048..]));

        byte[] Sums(Block[] keys)
        {
            using var pairs = new SecretArray<Block>(256);
            keys.CopyTo(pairs.Span);
            byte[] message = new byte[SmallField.TreeBytes];
            using var receiver = new SoftSpokenReceiver(HashTests.Session, 0, roots, pairs, message);
            return message;
        }
    }

    [Fact]
    public void Rows_of_soft_spoken_do_not_go_with_choices_nor_with_each_other()
    {
        (Transfers server, Transfers client) = Transcript.Connect(31, null);
        using (server)
        using (client)
        {
            byte[] message = TwoParties.Extend(server, client, Items, 0).Single();
            var t = new Block[Items];
            client.Receiving.Take(t);
            BitPlanes rows = new(31, Items);
            for (int row = 0; row < rows.Count; row++)
            {
                message.AsSpan(row * Items / 8, Items / 8).CopyTo(MemoryMarshal.AsBytes(rows[row]));
            }

            // The receiver's choices, and another bit of its blocks.
            BitPlanes choices = Planes(Items, item => t[item][0] & 1, item => t[item][1] >> 7 & 1);
            Assert.True(Uniformity.OfPairs([rows, choices]));

            // A row that is the choices, unmasked; two rows of the same seeds.
            choices[0].CopyTo(rows[7]);
            Assert.False(Uniformity.OfPairs([rows, choices]));
            rows[9].CopyTo(rows[7]);
            Assert.False(Uniformity.OfPairs([rows, choices]));
        }
    }

    /// <summary>For one tree of one Δ, over many of the COTs that mask what is sent of it.</summary>
    [Fact]
    public void Corrections_of_a_tree_are_uniform_whatever_the_tree_is()
    {
        const int Levels = 4;
        using var hash = new TreeHash(HashTests.Session, 0, 0);
        hash.SetTree(1);
        var leaves = new Block[1 << Levels];
        foreach (Block first in new[] { default, Blocks.Random(1, 1)[0] })
        {
            Assert.True(IsUniform(first, cots => cots));
            Assert.False(IsUniform(first, cots => [cots[0], cots[1], default, cots[3]]));
            Assert.False(IsUniform(first, cots => [cots[0], cots[1], cots[1], cots[3]]));
        }

        bool IsUniform(Block first, Func<Block[], Block[]> masks)
        {
            Block[] q = Blocks.Random(7, Items * Levels), sent = new Block[Items * Levels];
            for (int item = 0; item < Items; item++)
            {
                Block[] cots = masks([.. q.Skip(item * Levels).Take(Levels).Select(AllButLowest)]);
                SingleChoiceTree.Send(
                    hash, Vector128.Create(5ul, 9), first, cots, sent.AsSpan(item * Levels, Levels), leaves);
            }

            // The lowest bit is always that of the sum: of the last level zero, as the receiver knows.
            Assert.All(sent.Where((_, i) => i % Levels == Levels - 1), block => Assert.Equal(0ul, block[0] & 1));
            return Uniformity.OfPairs([.. Enumerable.Range(0, Levels).Select(level => Planes(
                Items, [.. new[] { 1, 2, 31, 63, 64, 100, 127 }.Select(bit => (Func<int, ulong>)(
                    item => sent[(item * Levels) + level][bit / 64] >> (bit % 64) & 1))]))]);
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void Chosen_transfers_tell_neither_choices_nor_messages(byte choice)
    {
        (Transfers server, Transfers client) = Transcript.Connect(41, null);
        using (server)
        using (client)
        {
            TwoParties.Extend(server, client, 2 * Items, 0);

            // As the sender sees it: all choices the same, what is sent uniform and independent of its own pads.
            byte[] choices = [.. Enumerable.Repeat(choice, Items)];
            using Protocol sender = server.Send(new Block[Items], new Block[Items]);
            using ChosenReceiver receiver = client.Receive(choices);
            List<byte[]> messages = TwoParties.Run(sender, receiver);
            BitPlanes corrections = new(1, Items);
            PlaneBytes.Read(messages[0], corrections);
            Assert.True(Uniformity.OfPairs([corrections]));
            BitPlanes unmasked = Planes(Items, _ => choice);
            Assert.False(Uniformity.OfPairs([unmasked]));

            // As the receiver sees it: messages of zeros are pads, of which it knows one.
            Block[] masked = MemoryMarshal.Cast<byte, Block>(messages[1]).ToArray();
            Assert.Equal(new Block[Items], receiver.Messages.ToArray());
            Assert.True(IsUniform(masked));

            // Blocks of COTs in place of pads: their lowest bit is no data, and two of them differ by Δ.
            var q = new Block[Items];
            server.Sending.Take(q);
            Block delta = server.Sending.Delta;
            Assert.False(IsUniform([.. q, .. q.Select(block => block ^ delta)]));
            Assert.False(Uniformity.OfPairs([Planes(Items, item => q[item][0] & 1)]));

            // The same pad for both messages of a pair; and for those of two pairs.
            Assert.False(IsUniform([.. masked[..Items], .. masked[..Items]]));
            Assert.False(IsUniform([.. masked[..Items], .. masked[1..Items], masked[0]], shift: 1));

            bool IsUniform(Block[] blocks, int shift = 0) => Uniformity.OfPairs(
            [
                Planes(Items, [.. new[] { 0, 1, 63, 64, 127 }.SelectMany(bit => new Func<int, ulong>[]
                {
                    item => blocks[(item + shift) % Items][bit / 64] >> (bit % 64) & 1,
                    item => blocks[Items + item][bit / 64] >> (bit % 64) & 1,
                })]),
                corrections,
            ]);
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void The_same_seeds_in_another_session_give_an_unrelated_transcript(bool silent)
    {
        byte[] identifier = new byte[32];
        byte[][] once = Transcripts(identifier, silent), twice = Transcripts(identifier, silent);
        Assert.Equal(once, twice);
        identifier[31] ^= 1;
        foreach ((byte[] one, byte[] other) in once.Zip(Transcripts(identifier, silent)))
        {
            Assert.True(AreUnrelated(one, other));
        }
    }

    private static byte[][] Transcripts(byte[] identifier, bool silent)
    {
        (Transfers server, Transfers client) =
            Transcript.Connect(17, silent ? FerretParameters.Depth10 : null, identifier);
        using (server)
        using (client)
        {
            List<byte[]> messages = TwoParties.Extend(server, client, 1000, 600);
            Block[] first = new Block[500], second = new Block[500], pads = new Block[500];
            server.TakeRandom(first, second);
            client.TakeRandomChoices(new byte[500], pads);
            using Protocol sender = client.Send(pads, pads), receiver = server.Receive(new byte[500]);
            messages.AddRange(TwoParties.Run(receiver, sender));
            return [.. messages, Blocks.Bytes(first), Blocks.Bytes(second), Blocks.Bytes(pads)];
        }
    }

    /// <summary>Whether about half of the bits differ: within seven deviations, 3·10^-12.</summary>
    private static bool AreUnrelated(byte[] one, byte[] other)
    {
        Assert.Equal(one.Length, other.Length);
        int differing = one.Zip(other, (x, y) => BitOperations.PopCount((uint)(x ^ y))).Sum();
        return Math.Abs(differing - (4.0 * one.Length)) < 3.5 * Math.Sqrt(8.0 * one.Length);
    }

    private static BitPlanes Planes(int items, params Func<int, ulong>[] bits)
    {
        var planes = new BitPlanes(bits.Length, items);
        for (int plane = 0; plane < bits.Length; plane++)
        {
            for (int item = 0; item < items; item++)
            {
                planes[plane][item / 64] |= bits[plane](item) << (item % 64);
            }
        }

        return planes;
    }

    private static Block AllButLowest(Block block) => block & Vector128.Create(~1ul, ~0ul);

    private static bool IsSquare(BigInteger y) => BigInteger.ModPow(y, (P - 1) / 2, P).IsOne;
}
