using System.Globalization;
using System.Numerics;
using FsCheck;
using FsCheck.Fluent;

namespace Popcorn.Interop.Tests;

/// <summary>Real numbers as integers and back.</summary>
public sealed class FixedPointTests
{
    [Fact]
    public void Encoding_rounds_to_nearest()
    {
        Gen<(int Bits, double Value)> cases =
            from bits in Gen.Choose(0, 40)
            from value in Gen.Choose(int.MinValue, int.MaxValue)
            from shift in Gen.Choose(10, 60)
            select (bits, Math.ScaleB(value, -shift));
        Properties.Check(
            cases,
            test =>
            {
                var format = new FixedPoint(test.Bits);
                double error = Math.Abs(format.Decode(format.Encode(test.Value)) - test.Value);
                Assert.True(error <= Math.ScaleB(0.5, -test.Bits));
            },
            tests: 1000);

        var halves = new FixedPoint(1);
        Assert.Equal([0, 1, -2, 2, -2, 3], halves.Encode([0.25, 0.5, -0.75, 0.75, -1.0, 1.5]));
        Assert.Equal([0, 0.5, -1, 1.5], halves.Decode([0, 1, -2, 3]));
        Assert.Equal(7, default(FixedPoint).Encode(7));
    }

    /// <summary>The framework's parser rounds correctly, whatever the length.</summary>
    [Fact]
    public void Decoding_rounds_to_nearest()
    {
        BigInteger tie = (BigInteger.One << 53) + 1;
        BigInteger[] edges =
        [
            0, 1, -1, long.MinValue, ulong.MaxValue, tie, tie + 2, tie << 40, (tie << 40) + 1, (tie << 40) - 1,
            -(tie << 900) - 1, (BigInteger.One << 1024) - (BigInteger.One << 970) - 1,
        ];
        Gen<BigInteger> random = Gen.Choose(1, 120).SelectMany(length => Gen.Choose(0, 255).ArrayOf(length))
            .Select(bytes => new BigInteger([.. bytes.Select(value => (byte)value)]));
        Properties.Check(
            Gen.OneOf(random, Gen.Elements(edges)).Zip(Gen.Choose(0, 60)),
            test =>
            {
                (BigInteger value, int bits) = test;
                string decimals = value.ToString(CultureInfo.InvariantCulture);
                double integer = double.Parse(decimals, CultureInfo.InvariantCulture);
                Assert.Equal(Math.ScaleB(integer, -bits), new FixedPoint(bits).Decode(value));
                BigInteger wide = value << 1000;
                Assert.Equal(integer, new FixedPoint(1000).Decode(wide));
            },
            tests: 1000);
    }

    [Fact]
    public void Products_of_encrypted_numbers_are_exact()
    {
        PaillierPrivateKey key = TestKeys.Small(PaillierLibrary.DefaultKernel);
        FixedPoint values = new(20), weights = new(12);
        FixedPoint products = values.Times(weights);
        Assert.Equal(new FixedPoint(32), products);
        using var encryptor = new Encryptor(key);
        using CiphertextBatch batch = encryptor.Encrypt(values.Encode([1.5, -2.25, 1000.0078125]));
        using var dot = new CiphertextBatch(key.PublicKey, 1);
        Evaluator.DotProduct(batch, weights.Encode([-0.5, 4, 0.25]), dot);
        Evaluator.AddPlain([products.Encode(100.125)], dot);
        double[] decoded = products.Decode(key.Decrypt(dot));
        Assert.Equal([-0.75 - 9 + 250.001953125 + 100.125], decoded);
    }

    [Fact]
    public void Numbers_out_of_range_are_refused()
    {
        var format = new FixedPoint(20);
        double limit = Math.ScaleB(1, 43);
        Assert.Equal(long.MaxValue - 1023, format.Encode(Math.BitDecrement(limit)));
        Assert.Equal(1023 - long.MaxValue, format.Encode(Math.BitIncrement(-limit)));
        double[] wrong = [limit, -limit, double.NaN, double.PositiveInfinity, double.NegativeInfinity, double.MaxValue];
        foreach (double refused in wrong)
        {
            AssertRefused(() => format.Encode(refused));
            AssertRefused(() => format.Encode([0, refused]));
        }

        AssertRefused(() => default(FixedPoint).Decode(BigInteger.One << 1024));
        AssertRefused(() => default(FixedPoint).Decode([-(BigInteger.One << 2000)]));
        Assert.Equal(double.MaxValue, default(FixedPoint).Decode((BigInteger)double.MaxValue));
        var finest = new FixedPoint(FixedPoint.MaxFractionBits);
        Assert.Equal(Math.ScaleB(1, -FixedPoint.MaxFractionBits), finest.Decode(1));
        Assert.Equal(1, finest.Encode(Math.ScaleB(1, -FixedPoint.MaxFractionBits)));
        Assert.Throws<ArgumentOutOfRangeException>(() => new FixedPoint(-1));
        Assert.Throws<ArgumentOutOfRangeException>(() => new FixedPoint(FixedPoint.MaxFractionBits + 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => finest.Times(new FixedPoint(1)));

        static void AssertRefused(Action action)
        {
            PaillierException exception = Assert.Throws<PaillierException>(action);
            Assert.Equal(PaillierError.Range, exception.Error);
            Assert.DoesNotContain('\n', exception.Message);
        }
    }
}
