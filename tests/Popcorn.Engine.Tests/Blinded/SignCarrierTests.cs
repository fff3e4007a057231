using System.Numerics;
using Popcorn.Engine.Blinded;

namespace Popcorn.Engine.Tests.Blinded;

/// <summary>
/// What the client can tell from sign carriers, as docs/THREAT_MODEL.md states it. A sound generator fails about once
/// in 10^9 runs of all of them.
/// </summary>
public class SignCarrierTests
{
    /// <summary>Standard deviations of all that is tested together.</summary>
    private const double Deviations = 6.6;

    /// <summary>ln of the density of log₂ τ, at steps of 1/64 bit; nothing outside.</summary>
    private static readonly double[] LogDensity =
        [.. Enumerable.Range(0, SignCarrier.BlurBits * 64).Select(i => Math.Log(SignCarrier.Taper((i + 0.5) / 64)))];

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
                BigInteger y = Observe(carrier, x);
                Assert.NotEqual(0, y);
                Assert.Equal((x >= 0) != carrier.Flip, y > 0);
                Assert.True(BigInteger.Abs(y) < BigInteger.One << (SignCarrier.FieldBits(20) - 1));
                BigInteger tau = TauOf(carrier);
                Assert.InRange(tau.GetBitLength() - SignCarrier.LeastBits, 1, SignCarrier.BlurBits);
                Assert.True(carrier.Sigma >= 1 && carrier.Sigma < 2 * tau);
            }
        }
    }

    [Fact]
    public void Factors_have_the_density_that_the_bounds_follow_from()
    {
        using var random = new SecretRandom();
        const int Count = 400_000, Slices = 4;
        var counts = new double[SignCarrier.BlurBits * Slices];
        double wordBits = 0, squares = 0;
        int flips = 0, sigmaAboveTau = 0;
        for (int i = 0; i < Count; i++)
        {
            SignCarrier carrier = SignCarrier.Draw(random);
            counts[(int)(Slices * (BigInteger.Log(TauOf(carrier), 2) - SignCarrier.LeastBits))]++;
            int bits = 64 - BitOperations.LeadingZeroCount(carrier.Tau);
            wordBits += bits;
            squares += bits * bits;
            flips += carrier.Flip ? 1 : 0;
            sigmaAboveTau += carrier.Sigma > (UInt128)TauOf(carrier) ? 1 : 0;
        }

        double[] density = [.. Enumerable.Range(0, counts.Length).Select(i => Mass(i, Slices))];
        double all = density.Sum();
        double[] expected = [.. density.Select(d => Count * d / all)];
        AssertSame(counts, expected);
        NearHalf(flips, Count);
        NearHalf(sigmaAboveTau, Count);

        double mean = wordBits / Count;
        double deviation = Math.Sqrt((squares / Count - mean * mean) / Count);
        Assert.InRange(mean, SignCarrier.AverageWordBits - 0.06, SignCarrier.AverageWordBits + 0.06);
        Assert.True(deviation < 0.01);

        // The information that the bounds state is that of the density: the integral of f'² / f.
        double information = Enumerable.Range(0, 64_000).Select(i => (i + 0.5) / 1000).Sum(u =>
        {
            double f = SignCarrier.Taper(u), slope = (SignCarrier.Taper(u + 1e-5) - SignCarrier.Taper(u - 1e-5)) / 2e-5;
            return slope * slope / f;
        }) / Enumerable.Range(0, 64_000).Select(i => (i + 0.5) / 1000).Sum(SignCarrier.Taper);
        Assert.InRange(information / SignCarrier.Information, 0.99, 1.01);
    }

    /// <summary>A factor that is uniform within its length tells x from √2·x by its leading bits, with 0.20.</summary>
    [Theory]
    [InlineData(1000, 1414)]
    [InlineData(3, 4)]
    [InlineData(0, 1)]
    public void Leading_bits_tell_nothing(int x, int other)
    {
        using var random = new SecretRandom();
        const int Count = 100_000, Bins = 16;
        var counts = new double[2, Bins];
        for (int i = 0; i < Count; i++)
        {
            counts[0, Leading(x)]++;
            counts[1, Leading(other)]++;
        }

        double difference = 0;
        for (int bin = 0; bin < Bins; bin++)
        {
            double sum = counts[0, bin] + counts[1, bin];
            difference += Math.Pow(counts[0, bin] - counts[1, bin], 2) / sum;
        }

        Assert.InRange(difference, 0, ChiSquareLimit(Bins - 1));

        int Leading(int value)
        {
            double log = BigInteger.Log(BigInteger.Abs(Observe(SignCarrier.Draw(random), value)), 2);
            return (int)(Bins * (log - Math.Floor(log)));
        }
    }

    /// <summary>
    /// The best test there is, by the ratio of likelihoods, is right as often as the bound d/2·√(N·I) allows, and not
    /// much more rarely: the bound is not an idle one.
    /// </summary>
    [Theory]
    [InlineData(1, 1000, 8000)]
    [InlineData(16, 1000, 4000)]
    [InlineData(64, 1000, 2000)]
    [InlineData(64, -1000, 1999)]
    [InlineData(400, 1000, 1400)]
    public void Observations_tell_values_apart_as_stated(int observations, int x, int other)
    {
        using var random = new SecretRandom();
        int trials = 1_000_000 / (observations + 50);
        double centre = Centre(x), away = Centre(other);
        int right = 0;
        for (int i = 0; i < trials; i++)
        {
            bool first = (i & 1) == 0;
            double ratio = 0;
            for (int n = 0; n < observations; n++)
            {
                double log = BigInteger.Log(BigInteger.Abs(Observe(SignCarrier.Draw(random), first ? x : other)), 2);
                Assert.True(double.IsFinite(Likelihood(log - (first ? centre : away))));
                ratio += Likelihood(log - centre) - Likelihood(log - away);
            }

            right += ratio > 0 == first ? 1 : 0;
        }

        double advantage = 2.0 * right / trials - 1;
        double noise = Deviations / Math.Sqrt(trials);
        double bound = Math.Abs(away - centre) / 2 * Math.Sqrt(observations * SignCarrier.Information);
        Assert.InRange(advantage, Math.Min(0.35 * bound, 0.6) - noise, bound + noise);
    }

    /// <summary>An honest client that repeats one image and computes what best explains all it saw.</summary>
    [Fact]
    public void Repeating_an_image_reads_no_value()
    {
        using var random = new SecretRandom();
        const int Images = 600, Values = 60, Least = 200, Most = 1000;
        int exact = 0, least = 0;
        var seen = new double[Images];
        for (int i = 0; i < Values; i++)
        {
            int x = Least + (int)random.Below(Most - Least);
            BigInteger smallest = BigInteger.Pow(2, 300);
            for (int n = 0; n < Images; n++)
            {
                BigInteger y = BigInteger.Abs(Observe(SignCarrier.Draw(random), x));
                smallest = BigInteger.Min(smallest, y);
                seen[n] = BigInteger.Log(y, 2);
            }

            least += smallest / 2 == x ? 1 : 0;
            exact += Enumerable.Range(Least, Most - Least).MaxBy(v =>
            {
                double centre = Centre(v);
                return seen.Sum(log => Math.Max(Likelihood(log - centre), -100));
            }) == x ? 1 : 0;
        }

        // The estimate is off by a factor of 1.3 (0.36 bits), so about one in 400 is right by chance.
        Assert.Equal(0, least);
        Assert.InRange(exact, 0, 6);
    }

    private static BigInteger TauOf(SignCarrier carrier) => (BigInteger)carrier.Tau << carrier.Shift;

    private static BigInteger Observe(SignCarrier carrier, BigInteger x)
    {
        BigInteger y = 2 * TauOf(carrier) * x + (BigInteger)carrier.Sigma;
        return carrier.Flip ? -y : y;
    }

    /// <summary>log₂ |y| − log₂ τ for a large x, within 1/x.</summary>
    private static double Centre(int x) => Math.Log2(Math.Abs(2.0 * x + 1)) + SignCarrier.LeastBits;

    private static double Likelihood(double logTau)
    {
        int step = (int)Math.Floor(logTau * 64);
        return step >= 0 && step < LogDensity.Length ? LogDensity[step] : double.NegativeInfinity;
    }

    /// <summary>The density's integral over a slice of a bit.</summary>
    private static double Mass(int slice, int slices) => Enumerable.Range(0, 50)
        .Sum(i => SignCarrier.Taper((slice + (i + 0.5) / 50) / slices)) / (50 * slices);

    private static void AssertSame(double[] counts, double[] expected)
    {
        // Slices that expect few are counted together.
        double few = 0, seenFew = 0, sum = 0;
        int freedom = 0;
        for (int i = 0; i < counts.Length; i++)
        {
            if (expected[i] < 30)
            {
                few += expected[i];
                seenFew += counts[i];
                continue;
            }

            sum += Math.Pow(counts[i] - expected[i], 2) / expected[i];
            freedom++;
        }

        Assert.InRange(seenFew, few - Deviations * Math.Sqrt(few) - 6, few + Deviations * Math.Sqrt(few) + 6);
        Assert.InRange(sum, 0, ChiSquareLimit(freedom));
    }

    /// <summary>Exceeded less than once in 10^9 (Wilson and Hilferty's approximation).</summary>
    private static double ChiSquareLimit(int freedom)
    {
        double part = 2.0 / (9 * freedom);
        return freedom * Math.Pow(1 - part + Deviations * Math.Sqrt(part), 3);
    }

    private static void NearHalf(int part, int whole) =>
        Assert.InRange(part - whole / 2.0, -3.5 * Math.Sqrt(whole), 3.5 * Math.Sqrt(whole));
}
