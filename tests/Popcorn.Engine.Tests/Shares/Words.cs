using System.Numerics;
using System.Runtime.InteropServices;

namespace Popcorn.Engine.Tests.Shares;

/// <summary>Plaintexts as words and as numbers.</summary>
internal static class Words
{
    /// <summary>The number that words are, without a sign.</summary>
    public static BigInteger Unsigned(ReadOnlySpan<ulong> words) =>
        new(MemoryMarshal.AsBytes(words), isUnsigned: true);

    /// <summary>The number that words are in two's complement.</summary>
    public static BigInteger Signed(ReadOnlySpan<ulong> words) => new(MemoryMarshal.AsBytes(words));

    /// <summary>A number that is not negative as words.</summary>
    public static ulong[] Of(BigInteger number, int words)
    {
        var bytes = new byte[words * sizeof(ulong)];
        Assert.True(number.TryWriteBytes(bytes, out _, isUnsigned: true), "The number has more words.");
        return [.. MemoryMarshal.Cast<byte, ulong>(bytes)];
    }

    /// <summary>The lowest bits of a number, of either sign.</summary>
    public static ulong Lowest(BigInteger number, int bits) => (ulong)(number & ((BigInteger.One << bits) - 1));

    /// <summary>A share modulo 2^k, taken in [−2^(k−1), 2^(k−1)).</summary>
    public static long Centred(ulong share, int bits) => (long)(share << (64 - bits)) >> (64 - bits);
}
