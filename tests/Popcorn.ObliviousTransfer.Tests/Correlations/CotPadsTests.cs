using Popcorn.ObliviousTransfer.Bits;
using Popcorn.ObliviousTransfer.Correlations;
using Popcorn.ObliviousTransfer.Extension;
using Popcorn.ObliviousTransfer.Sessions;
using Popcorn.ObliviousTransfer.Tests.Symmetric;

namespace Popcorn.ObliviousTransfer.Tests.Correlations;

public sealed class CotPadsTests : IDisposable
{
    private readonly Transfers _server;
    private readonly Transfers _client;

    public CotPadsTests() => (_server, _client) = TwoParties.Connect(TransferOptions.Short);

    public static TheoryData<int, int> Shapes
    {
        get
        {
            var shapes = new TheoryData<int, int>();
            foreach (int choiceBits in new[] { 1, 2, 3, 4 })
            {
                foreach (int width in new[] { 1, 2, 3, 5, 12, 31, 32, 33, 64 })
                {
                    shapes.Add(choiceBits, width);
                }
            }

            return shapes;
        }
    }

    public void Dispose()
    {
        _server.Dispose();
        _client.Dispose();
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void The_receiver_has_the_pad_that_its_choice_says(int choiceBits, int width)
    {
        foreach (int items in new[] { 1, 63, 64, 65, 300, 600 })
        {
            TwoParties.Extend(_server, _client, items * choiceBits, items * choiceBits);
            foreach ((Transfers sender, Transfers receiver) in new[] { (_server, _client), (_client, _server) })
            {
                var pads = new BitPlanes(width << choiceBits, items);
                BitPlanes choices = new(choiceBits, items), pad = new(width, items);
                sender.Pads.Send(PadUse.OneOfMany, choiceBits, width, pads);
                receiver.Pads.Receive(PadUse.OneOfMany, choiceBits, width, choices, pad);
                for (int item = 0; item < items; item++)
                {
                    int choice = (int)ValueOf(choices, 0, choiceBits, item);
                    Assert.Equal(ValueOf(pads, choice * width, width, item), ValueOf(pad, 0, width, item));
                }
            }
        }
    }

    [Fact]
    public void Pads_that_were_not_chosen_are_independent_of_the_chosen_one_and_of_each_other()
    {
        // Bits of the four pads of one of four, one bit wide, and their sum: fair coins all. (Sums of one-bit pads of
        // single COTs would add up to zero.)
        const int Items = 20_000;
        TwoParties.Extend(_server, _client, 2 * Items, 0);
        var pads = new BitPlanes(4, Items);
        BitPlanes choices = new(2, Items), pad = new(1, Items);
        _server.Pads.Send(PadUse.OneOfMany, 2, 1, pads);
        _client.Pads.Receive(PadUse.OneOfMany, 2, 1, choices, pad);
        for (int subset = 1; subset < 1 << 7; subset++)
        {
            // Planes: four pads, two choices; bit 6 leaves a constant.
            long ones = 0;
            for (int item = 0; item < Items; item++)
            {
                ulong sum = 0;
                for (int plane = 0; plane < 6; plane++)
                {
                    BitPlanes from = plane < 4 ? pads : choices;
                    sum ^= (ulong)((subset >> plane) & 1) & ValueOf(from, plane < 4 ? plane : plane - 4, 1, item);
                }

                ones += (long)sum;
            }

            if ((subset & 63) != 0)
            {
                Assert.InRange(ones, (Items / 2) - 460, (Items / 2) + 460); // 6.5 deviations of 71
            }
        }
    }

    [Fact]
    public void Pads_of_a_choice_of_three_bits_are_frozen()
    {
        // Q of x with its highest bit set, x, and x without its lowest; Δ counts from 16; the seventh COT.
        Block x = Blocks.Counting(0);
        Block delta = Blocks.Counting(16) | System.Runtime.Intrinsics.Vector128.CreateScalar(1ul);
        Block q = Blocks.Parse("00070e091c1b1215383f363124232aad");
        using var hash = new PadHash(HashTests.Session, 0);
        var pads = new ulong[8];
        for (int j = 0; j < pads.Length; j++)
        {
            Block[] block = [q ^ GaloisField.Multiply(j, delta)];
            hash.Hash(PadUse.OneOfMany, new CotRange(7, new Block[1]), 1, block);
            pads[j] = block[0][0] & 3;
        }

        Assert.Equal([0, 3, 2, 1, 1, 1, 2, 0], pads);
        Assert.Equal("000102030405060708090a0b0c0d0e0f", Blocks.Hex(x));
    }

    [Fact]
    public void Shapes_that_do_not_fit_are_refused()
    {
        TwoParties.Extend(_server, _client, 64, 64);
        Assert.Throws<ArgumentOutOfRangeException>(
            () => _server.Pads.Send(PadUse.Rot, 5, 1, new BitPlanes(32, 1)));
        Assert.Throws<ArgumentOutOfRangeException>(
            () => _server.Pads.Send(PadUse.Rot, 2, 1, new BitPlanes(3, 1)));
        Assert.Throws<ArgumentOutOfRangeException>(
            () => _client.Pads.Receive(PadUse.Rot, 2, 1, new BitPlanes(1, 1), new BitPlanes(1, 1)));
        Assert.Throws<ArgumentOutOfRangeException>(
            () => _client.Pads.Receive(PadUse.Rot, 2, 2, new BitPlanes(2, 1), new BitPlanes(1, 1)));
    }

    private static ulong ValueOf(BitPlanes planes, int first, int width, int item)
    {
        ulong value = 0;
        for (int bit = 0; bit < width; bit++)
        {
            value |= ((planes[first + bit][item / 64] >> (item % 64)) & 1) << bit;
        }

        return value;
    }
}
