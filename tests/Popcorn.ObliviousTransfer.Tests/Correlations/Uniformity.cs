using System.Numerics;
using Popcorn.ObliviousTransfer.Bits;

namespace Popcorn.ObliviousTransfer.Tests.Correlations;

/// <summary>Whether what somebody sees tells nothing.</summary>
internal static class Uniformity
{
    /// <summary>Whether every value of all planes together is there equally often.</summary>
    public static bool IsExact(IEnumerable<BitPlanes> planes)
    {
        int[] counts = Counts(planes);
        return counts.All(count => count == counts[0]);
    }

    /// <summary>
    /// Whether each plane, and the XOR of any two, has as many ones as zeros, within seven standard deviations.
    /// </summary>
    public static bool OfPairs(IEnumerable<BitPlanes> planes)
    {
        List<ulong[]> all = [.. planes.SelectMany(some => Enumerable.Range(0, some.Count).Select(plane =>
        {
            Assert.Equal(0, some.Items % 64);
            return some[plane][..(some.Items / 64)].ToArray();
        }))];
        for (int i = 0; i < all.Count; i++)
        {
            for (int j = 0; j <= i; j++)
            {
                long ones = 0;
                for (int word = 0; word < all[i].Length; word++)
                {
                    ones += BitOperations.PopCount(i == j ? all[i][word] : all[i][word] ^ all[j][word]);
                }

                double items = 64.0 * all[i].Length;
                if (Math.Abs(ones - (items / 2)) > 7 * Math.Sqrt(items) / 2)
                {
                    return false;
                }
            }
        }

        return true;
    }

    /// <summary>Pearson's statistic against equal counts, less its mean, in standard deviations.</summary>
    public static double ChiSquare(IEnumerable<BitPlanes> planes)
    {
        int[] counts = Counts(planes);
        double expected = counts.Sum(count => (double)count) / counts.Length, degrees = counts.Length - 1;
        return (counts.Sum(count => (count - expected) * (count - expected) / expected) - degrees)
            / Math.Sqrt(2 * degrees);
    }

    private static int[] Counts(IEnumerable<BitPlanes> planes)
    {
        List<BitPlanes> all = [.. planes.Where(some => some.Count > 0)];
        int items = all[0].Items, width = all.Sum(some => some.Count), first = 0;
        Assert.InRange(width, 1, 20);
        var cells = new ulong[items];
        var numbers = new ulong[items];
        foreach (BitPlanes some in all)
        {
            PlaneTranspose.FromPlanes(some, numbers);
            for (int i = 0; i < items; i++)
            {
                cells[i] |= numbers[i] << first;
            }

            first += some.Count;
        }

        var counts = new int[1 << width];
        foreach (ulong cell in cells)
        {
            counts[cell]++;
        }

        return counts;
    }
}
