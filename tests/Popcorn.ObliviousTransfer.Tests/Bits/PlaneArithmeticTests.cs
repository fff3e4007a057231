using Popcorn.ObliviousTransfer.Bits;
using Popcorn.ObliviousTransfer.Tests.Correlations;

namespace Popcorn.ObliviousTransfer.Tests.Bits;

/// <summary>Arithmetic on planes against that on numbers, in rings of all kinds of widths.</summary>
public sealed class PlaneArithmeticTests
{
    private const int Items = 700;

    private readonly ulong[] _x = new SplitMix(1).Numbers(Items, 64);
    private readonly ulong[] _y = new SplitMix(2).Numbers(Items, 64);
    private readonly ulong[] _bit = new SplitMix(3).Numbers(Items, 1);

    public static TheoryData<int> Widths => [1, 2, 7, 13, 32, 63, 64];

    [Theory]
    [MemberData(nameof(Widths))]
    public void Sums_and_differences_are_those_of_numbers(int width)
    {
        AssertEach(width, (x, y, _, to) => PlaneArithmetic.Add(x, y, to), (x, y, _) => x + y);
        AssertEach(width, (x, y, _, to) => PlaneArithmetic.Subtract(x, y, to), (x, y, _) => x - y);
        AssertEach(width, (x, _, _, to) => PlaneArithmetic.AddConstant(x, 0x123456789ABCDEF1, to),
            (x, _, _) => x + 0x123456789ABCDEF1);
        foreach (int shift in new[] { 0, 1, 5, 63 })
        {
            AssertEach(width, (x, y, _, to) => PlaneArithmetic.AddShifted(x, y, shift, false, to),
                (x, y, _) => x + (y << shift));
            AssertEach(width, (x, y, _, to) => PlaneArithmetic.AddShifted(x, y, shift, true, to),
                (x, y, _) => x - (y << shift));
        }
    }

    [Theory]
    [MemberData(nameof(Widths))]
    public void What_depends_on_a_bit_is_that_of_numbers(int width)
    {
        AssertEach(width, (x, y, bit, to) => PlaneArithmetic.AddIf(x, bit, y, to), (x, y, bit) => x + (bit * y));
        AssertEach(
            width, (x, _, bit, to) => PlaneArithmetic.NegateIf(bit, x, to), (x, _, bit) => bit == 1 ? 0 - x : x);
        AssertEach(
            width, (x, y, bit, to) => PlaneArithmetic.Select(bit, x, y, to), (x, y, bit) => bit == 1 ? x : y);
        AssertEach(
            width, (x, y, bit, _) => PlaneArithmetic.SwapIf(bit, x, y), (x, y, bit) => bit == 1 ? y : x, Places.InX);
        AssertEach(width, (x, y, bit, to) => PlaneArithmetic.AddShiftedIf(x, bit, y, width / 2, to),
            (x, y, bit) => x + ((bit * y) << (width / 2)));
    }

    [Theory]
    [MemberData(nameof(Widths))]
    public void Products_and_bits_are_those_of_numbers(int width)
    {
        AssertEach(width, (x, y, _, to) => PlaneArithmetic.Multiply(x, y, to), (x, y, _) => x * y, Places.Apart);
        AssertEach(width, (x, y, _, to) => PlaneArithmetic.Xor(x, y, to), (x, y, _) => x ^ y);
        AssertEach(width, (x, _, bit, to) => PlaneArithmetic.Xor(x, bit, to), (x, _, bit) => x ^ (0 - bit));
        AssertEach(width, (x, _, _, to) => PlaneArithmetic.Not(x, to), (x, _, _) => ~x);
    }

    [Fact]
    public void A_narrow_operand_is_continued_with_zeros()
    {
        BitPlanes narrow = Planes(_x, 5), wide = Planes(_y, 12), to = new(12, Items);
        PlaneArithmetic.Add(wide, narrow, to);
        Assert.Equal(_x.Zip(_y, (x, y) => ((x & 31) + y) & 0xFFF), Numbers(to));
        PlaneArithmetic.NegateIf(Planes(_bit, 1), narrow, to);
        Assert.Equal(_x.Zip(_bit, (x, bit) => (bit == 1 ? 0 - (x & 31) : x & 31) & 0xFFF), Numbers(to));
    }

    [Fact]
    public void Messages_hold_planes_padded_to_bytes()
    {
        for (int items = 1; items <= 70; items++)
        {
            ulong[] values = new SplitMix(5).Numbers(items, 3);
            BitPlanes planes = Planes(values, 3), back = new(3, items);
            int bytes = PlaneBytes.BytesOfPlane(items);
            planes[0][items / 64] |= items % 64 == 0 ? 0 : ulong.MaxValue << (items % 64); // behind the last item
            var message = new byte[3 * bytes];
            PlaneBytes.Write(planes, message);
            for (int plane = 0; plane < 3; plane++)
            {
                for (int bit = 0; bit < 8 * bytes; bit++)
                {
                    ulong expected = bit < items ? values[bit] >> plane & 1 : 0;
                    Assert.Equal(expected, (ulong)message[(plane * bytes) + (bit / 8)] >> (bit % 8) & 1);
                }
            }

            PlaneBytes.Read(message, back);
            Assert.Equal(values, Numbers(back));
        }
    }

    private static BitPlanes Planes(ulong[] values, int width)
    {
        var planes = new BitPlanes(width, values.Length);
        PlaneTranspose.ToPlanes(values, planes);
        return planes;
    }

    private static ulong[] Numbers(BitPlanes planes)
    {
        var numbers = new ulong[planes.Items];
        PlaneTranspose.FromPlanes(planes, numbers);
        planes.Free(); // not before
        return numbers;
    }

    /// <summary>Computes into planes of their own, or, where that should be the same, into those of x.</summary>
    private void AssertEach(
        int width,
        Action<BitPlanes, BitPlanes, BitPlanes, BitPlanes> onPlanes,
        Func<ulong, ulong, ulong, ulong> onNumbers,
        Places places = Places.Both)
    {
        IEnumerable<ulong> expected = Enumerable.Range(0, Items)
            .Select(i => onNumbers(_x[i], _y[i], _bit[i]) & (ulong.MaxValue >> (64 - width)));
        foreach (Places place in new[] { Places.Apart, Places.InX }.Where(place => places.HasFlag(place)))
        {
            BitPlanes x = Planes(_x, width), y = Planes(_y, width), bit = Planes(_bit, 1);
            BitPlanes to = place == Places.InX ? x : new BitPlanes(width, Items);
            onPlanes(x, y, bit, to);
            Assert.Equal(expected, Numbers(to));
            x.Free();
            y.Free();
            bit.Free();
        }
    }

    [Flags]
    private enum Places
    {
        Apart = 1,
        InX = 2,
        Both = Apart | InX,
    }
}
