using System.Numerics;
using Popcorn.Engine.Blinded;

namespace Popcorn.Engine.Tests.Blinded;

/// <summary>
/// Distributions that the protocol promises. Bounds are six standard deviations or more: a sound generator fails about
/// once in 10^9 runs.
/// </summary>
public class BlindingTests
{
    [Fact]
    public void Carriers_keep_the_sign_and_never_vanish()
    {
        using var random = new SecretRandom();
        BigInteger bound = (BigInteger.One << 20) - 1;
        foreach (BigInteger x in (BigInteger[])[0, 1, -1, 2, -2, 17, bound, -bound])
        {
            for (int i = 0; i < 500; i++)
            {
                SignCarrier carrier = SignCarrier.Draw(random);
                BigInteger y = 2 * (BigInteger)carrier.Tau * x + (BigInteger)carrier.Sigma;
                y = carrier.Flip ? -y : y;
                Assert.NotEqual(0, y);
                Assert.Equal((x >= 0) != carrier.Flip, y > 0);
                Assert.True(BigInteger.Abs(y) < BigInteger.One << (SignCarrier.Bits + 20 + 1));
            }
        }
    }

    [Fact]
    public void Carriers_are_log_uniform()
    {
        using var random = new SecretRandom();
        const int Count = 64_000;
        var lengths = new int[SignCarrier.Bits + 1];
        int flips = 0, sigmaAboveTau = 0, upperHalf = 0, wide = 0;
        for (int i = 0; i < Count; i++)
        {
            SignCarrier carrier = SignCarrier.Draw(random);
            int length = 64 - BitOperations.LeadingZeroCount(carrier.Tau);
            lengths[length]++;
            flips += carrier.Flip ? 1 : 0;
            Assert.True(carrier.Tau >= 1 && carrier.Sigma >= 1 && carrier.Sigma < 2 * (UInt128)carrier.Tau);
            if (length > 20)
            {
                wide++;
                sigmaAboveTau += carrier.Sigma > carrier.Tau ? 1 : 0;
                upperHalf += (carrier.Tau >> (length - 2) & 1) != 0 ? 1 : 0;
            }
        }

        Assert.Equal(0, lengths[0]);
        Assert.All(lengths.Skip(1), n => Assert.InRange(n, 1000 - 200, 1000 + 200));
        NearHalf(flips, Count);
        NearHalf(sigmaAboveTau, wide);
        NearHalf(upperHalf, wide);
    }

    [Fact]
    public void Scarcely_anything_of_the_magnitude_shows()
    {
        // Values a factor of 2 apart: the lengths of their carriers are two uniform distributions over T lengths, one
        // step apart, so their distribution functions differ by 1/T.
        using var random = new SecretRandom();
        const int Count = 200_000;
        var excess = new int[160];
        for (int i = 0; i < Count; i++)
        {
            excess[LengthFor(1000)]++;
            excess[LengthFor(2000)]--;
        }

        int sum = 0;
        double distance = excess.Max(e => Math.Abs(sum += e)) / (double)Count;
        Assert.InRange(distance, 0.5 / SignCarrier.Bits, 1.6 / SignCarrier.Bits);

        int LengthFor(int x)
        {
            SignCarrier carrier = SignCarrier.Draw(random);
            return (int)(2 * (BigInteger)carrier.Tau * x + (BigInteger)carrier.Sigma).GetBitLength();
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(20)]
    [InlineData(63)]
    [InlineData(90)]
    public void Masks_hide_their_values(int boundBits)
    {
        using var random = new SecretRandom();
        const int Count = 20_000;
        Masks masks = Masks.Draw(random, Count, boundBits);
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
            string key = string.Join(',', random.Permutation(4));
            counts[key] = counts.GetValueOrDefault(key) + 1;
        }

        Assert.Equal(24, counts.Count);
        Assert.All(counts.Values, n => Assert.InRange(n, 1000 - 200, 1000 + 200));
        Assert.Empty(random.Permutation(0));
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

        Assert.All(counts, n => Assert.InRange(n, 10_000 - 600, 10_000 + 600));
        Assert.Equal(UInt128.Zero, random.Below(1));
    }

    private static void NearHalf(int part, int whole) =>
        Assert.InRange(part - whole / 2.0, -3.5 * Math.Sqrt(whole), 3.5 * Math.Sqrt(whole));
}
