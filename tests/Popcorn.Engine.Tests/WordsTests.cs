using System.Numerics;

namespace Popcorn.Engine.Tests;

public class WordsTests
{
    [Fact]
    public void Add_shifted_agrees_with_big_integer()
    {
        var random = new Random(1);
        for (int round = 0; round < 2000; round++)
        {
            BigInteger value = RandomNumber(random, random.Next(1, 200));
            BigInteger start = RandomNumber(random, random.Next(1, 600));
            int shift = random.Next(0, 500);
            var target = new ulong[12];
            var addend = new ulong[Words.For(200)];
            Words.Write(start, target);
            Words.Write(value, addend);

            Words.AddShifted(target, addend, shift);

            Assert.Equal(start + (value << shift), Words.Read(target));
        }
    }

    [Fact]
    public void Add_shifted_refuses_to_overflow()
    {
        var target = new ulong[] { 0, ulong.MaxValue };
        Assert.Throws<ArgumentException>(() => Words.AddShifted(target, [1], 64));
        Assert.Throws<ArgumentException>(() => Words.AddShifted(new ulong[1], [1, 1], 0));
        Assert.Throws<ArgumentException>(() => Words.AddShifted(new ulong[1], [2], 63));
    }

    [Fact]
    public void Subtract_agrees_with_big_integer()
    {
        var random = new Random(2);
        for (int round = 0; round < 2000; round++)
        {
            BigInteger start = RandomNumber(random, random.Next(1, 300));
            BigInteger subtrahend = RandomNumber(random, random.Next(1, 300)) % (start + 1);
            var target = new ulong[6];
            var value = new ulong[6];
            Words.Write(start, target);
            Words.Write(subtrahend, value);

            Words.Subtract(target, value);

            Assert.Equal(start - subtrahend, Words.Read(target));
        }
    }

    [Fact]
    public void Subtract_refuses_negative_results()
    {
        Assert.Throws<ArgumentException>(() => Words.Subtract([1, 0, 0], [2]));
        Assert.Throws<ArgumentException>(() => Words.Subtract([1], [0, 1]));
        Assert.Throws<ArgumentException>(() => Words.Subtract([0, ulong.MaxValue], [1, ulong.MaxValue]));
    }

    [Fact]
    public void Multiply_agrees_with_big_integer()
    {
        var random = new Random(3);
        for (int round = 0; round < 2000; round++)
        {
            BigInteger value = RandomNumber(random, random.Next(1, 300));
            ulong factor = (ulong)RandomNumber(random, random.Next(1, 64));
            var words = new ulong[5];
            var product = new ulong[6];
            Words.Write(value, words);

            Words.Multiply(words, factor, product);

            Assert.Equal(value * factor, Words.Read(product));
        }

        Assert.Throws<ArgumentException>(() => Words.Multiply([1UL << 63], 2, new ulong[1]));
        Assert.Throws<ArgumentException>(() => Words.Multiply([0, 1], 2, new ulong[1]));
    }

    [Fact]
    public void Extract_agrees_with_shift_and_mask()
    {
        var random = new Random(3);
        for (int round = 0; round < 2000; round++)
        {
            BigInteger value = RandomNumber(random, 512);
            int shift = random.Next(0, 520);
            int count = random.Next(1, 200);
            var source = new ulong[8];
            Words.Write(value % (BigInteger.One << 511), source);
            var result = new ulong[Words.For(count)];

            Words.Extract(source, shift, count, result);

            BigInteger expected = (Words.Read(source) >> shift) & ((BigInteger.One << count) - 1);
            Assert.Equal(expected, Words.Read(result));
            Assert.Equal((Words.Read(source) >> shift).IsEven ? 0UL : 1UL, Words.Bit(source, shift));
        }
    }

    [Fact]
    public void Negate_agrees_with_big_integer()
    {
        foreach (BigInteger value in (BigInteger[])
            [0, 1, -1, ulong.MaxValue, (BigInteger)ulong.MaxValue + 1, -(BigInteger.One << 127), 12345])
        {
            var words = new ulong[3];
            Words.Write(value, words);
            Words.Negate(words);
            var expected = new ulong[3];
            Words.Write(-value, expected);
            Assert.Equal(expected, words);
        }
    }

    [Fact]
    public void Square_agrees_with_big_integer()
    {
        var random = new Random(4);
        var value = new ulong[3];
        var square = new ulong[6];
        for (int round = 0; round < 500; round++)
        {
            Words.Write(RandomNumber(random, random.Next(1, 191)), value);
            Words.Square(value, square);
            Assert.Equal(BigInteger.Pow(Words.Read(value), 2), Words.Read(square));
        }

        value.AsSpan().Fill(ulong.MaxValue);
        Words.Square(value, square);
        Assert.Equal(BigInteger.Pow(Words.Read(value), 2), Words.Read(square));
    }

    [Theory]
    [InlineData("0")]
    [InlineData("-1")]
    [InlineData("9223372036854775807")]
    [InlineData("-9223372036854775808")]
    [InlineData("-340282366920938463463374607431768211456")]
    public void Twos_complement_round_trips(string number)
    {
        BigInteger value = BigInteger.Parse(number);
        var words = new ulong[Words.CountFor([value]) + 1];
        Words.Write(value, words);
        BigInteger unsigned = Words.Read(words);
        Assert.Equal(value, value.Sign < 0 ? unsigned - (BigInteger.One << (64 * words.Length)) : unsigned);
        if (words.Length > 2)
        {
            Assert.Throws<ArgumentException>(() => Words.Write(value, new ulong[1]));
        }
    }

    private static BigInteger RandomNumber(Random random, int bits)
    {
        var bytes = new byte[bits / 8 + 1];
        random.NextBytes(bytes);
        return new BigInteger(bytes, isUnsigned: true) % (BigInteger.One << bits);
    }
}
