using Popcorn.ObliviousTransfer.Bits;
using Popcorn.ObliviousTransfer.Tests.Correlations;

namespace Popcorn.ObliviousTransfer.Tests.Bits;

public sealed class PlaneTransposeTests
{
    public static IEnumerable<int> Lengths => [.. Enumerable.Range(1, 130), 191, 192, 193, 300, 511, 512, 513, 1100];

    [Fact]
    public void Bits_stand_where_they_should()
    {
        foreach (int items in Lengths)
        {
            ulong[] values = new SplitMix((ulong)items).Numbers(items, 64);
            var planes = new BitPlanes(64, items);
            PlaneTranspose.ToPlanes(values, planes);
            for (int plane = 0; plane < 64; plane++)
            {
                for (int i = 0; i < items; i++)
                {
                    Assert.Equal(values[i] >> plane & 1, planes[plane][i / 64] >> (i % 64) & 1);
                }
            }

            planes.Free();
        }
    }

    [Fact]
    public void Every_width_goes_there_and_back()
    {
        for (int width = 1; width <= 64; width++)
        {
            foreach (int items in new[] { 1, 63, 64, 65, 512, 700 })
            {
                ulong[] values = new SplitMix((ulong)(width + (64 * items))).Numbers(items, 64);
                var planes = new BitPlanes(width, items);
                PlaneTranspose.ToPlanes(values, planes);
                var back = new ulong[items];
                back.AsSpan().Fill(ulong.MaxValue);
                PlaneTranspose.FromPlanes(planes, back);
                Assert.Equal(values.Select(value => value & (ulong.MaxValue >> (64 - width))), back);
                planes.Free();
            }
        }
    }

    [Fact]
    public void Other_lengths_are_refused()
    {
        var planes = new BitPlanes(3, 100);
        Assert.Throws<ArgumentOutOfRangeException>(() => PlaneTranspose.ToPlanes(new ulong[99], planes));
        Assert.Throws<ArgumentOutOfRangeException>(() => PlaneTranspose.FromPlanes(planes, new ulong[101]));
        Assert.Throws<ArgumentOutOfRangeException>(
            () => PlaneTranspose.ToPlanes(new ulong[100], new BitPlanes(65, 100)));
    }
}
