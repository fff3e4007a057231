using System.Numerics;
using FsCheck;
using FsCheck.Fluent;

namespace Popcorn.Interop.Tests;

/// <summary>Generators and the runner of property tests.</summary>
internal static class Properties
{
    /// <summary>Signed numbers below 2^(bits - 2) in magnitude: uniform, small, or at the edges.</summary>
    internal static Gen<BigInteger> Plaintexts(int bits)
    {
        BigInteger limit = BigInteger.One << (bits - 2);
        Gen<BigInteger> uniform = Gen.Choose(0, 255).ArrayOf((bits / 8) + 1)
            .Select(bytes => new BigInteger([.. bytes.Select(value => (byte)value)]) % limit);
        Gen<BigInteger> small = Gen.Choose(-1000, 1000).Select(value => (BigInteger)value);
        Gen<BigInteger> edge = Gen.Elements(
            BigInteger.Zero, BigInteger.One, BigInteger.MinusOne, limit - 1, 1 - limit, ulong.MaxValue,
            -(BigInteger)ulong.MaxValue, long.MinValue, long.MaxValue);
        return Gen.OneOf(uniform, small, edge);
    }

    /// <summary>Vectors of 1 to 9 plaintexts: around and beyond the width of any kernel.</summary>
    internal static Gen<BigInteger[]> Vectors(int bits) =>
        Gen.Choose(1, 9).SelectMany(length => Plaintexts(bits).ArrayOf(length));

    internal static void Check<T>(Gen<T> generator, Action<T> body, int tests = 25) =>
        Prop.ForAll(generator.ToArbitrary(), body).Check(Config.QuickThrowOnFailure.WithMaxTest(tests));
}
