using System.Numerics;
using Popcorn.Engine.Blinded;
using Popcorn.Interop;

namespace Popcorn.Engine.Tests.Blinded;

/// <summary>
/// Distributions that the protocol promises. Bounds are six standard deviations or more: a sound generator fails about
/// once in 10^9 runs.
/// </summary>
public class BlindingTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(20)]
    [InlineData(63)]
    [InlineData(90)]
    public void Masks_hide_their_values(int boundBits)
    {
        using var random = new SecretRandom();
        const int Count = 20_000;
        using Masks masks = Masks.Draw(random, Count, boundBits);
        BigInteger bound = (BigInteger.One << boundBits) - 1;
        int bits = Masks.RandomBits(boundBits);
        var seen = new HashSet<BigInteger>();
        int top = 0, middle = 0;
        for (int i = 0; i < Count; i++)
        {
            BigInteger r = Words.Read(masks[i]) - bound;
            Assert.InRange(r, BigInteger.Zero, (BigInteger.One << bits) - 1);
            seen.Add(r);
            top += (r >> (bits - 1)).IsEven ? 0 : 1;
            middle += (r >> (bits / 2)).IsEven ? 0 : 1;
        }

        // 42 bits and more: two draws may meet by chance, many may not.
        Assert.InRange(seen.Count, Count - 2, Count);
        NearHalf(top, Count);
        NearHalf(middle, Count);
    }

    [Fact]
    public void Permutations_are_uniform()
    {
        using var random = new SecretRandom();
        var counts = new Dictionary<string, int>();
        const int Count = 24_000;
        for (int i = 0; i < Count; i++)
        {
            using SecretArray<int> order = random.Permutation(4);
            string key = string.Join(',', order.Span.ToArray());
            counts[key] = counts.GetValueOrDefault(key) + 1;
        }

        Assert.Equal(24, counts.Count);
        Assert.All(counts.Values, n => Assert.InRange(n, 1000 - 220, 1000 + 220));
        using SecretArray<int> empty = random.Permutation(0);
        Assert.Equal(0, empty.Length);
    }

    [Fact]
    public void Small_ranges_are_uniform()
    {
        using var random = new SecretRandom();
        var counts = new int[7];
        for (int i = 0; i < 70_000; i++)
        {
            counts[(int)random.Below(7)]++;
        }

        Assert.All(counts, n => Assert.InRange(n, 10_000 - 650, 10_000 + 650));
        Assert.Equal(UInt128.Zero, random.Below(1));
    }

    private static void NearHalf(int part, int whole) =>
        Assert.InRange(part - whole / 2.0, -3.5 * Math.Sqrt(whole), 3.5 * Math.Sqrt(whole));
}
