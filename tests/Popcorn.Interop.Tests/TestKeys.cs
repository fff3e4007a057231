using System.Collections.Concurrent;
using System.Numerics;
using Popcorn.Interop.Memory;

namespace Popcorn.Interop.Tests;

/// <summary>Keys of the three sizes that tests use, made once per kernel and shared.</summary>
internal static class TestKeys
{
    private static readonly ConcurrentDictionary<(string Kernel, int Bits), Lazy<PaillierPrivateKey>> Generated = new();

    private static readonly ConcurrentDictionary<(string Kernel, int Bits), Lazy<PaillierPrivateKey>> GeneratedShort =
        new();

    /// <summary>Quick, with several words and a modulus that is no multiple of 64 bits.</summary>
    internal static PaillierPrivateKey Small(string kernel) => OfSize(kernel, 520);

    /// <summary>A size that is allowed in earnest.</summary>
    internal static PaillierPrivateKey Real(string kernel) => OfSize(kernel, 2048);

    internal static PaillierPrivateKey OfSize(string kernel, int bits) => Generated.GetOrAdd(
        (kernel, bits),
        static key => new(() => PaillierPrivateKey.Generate(key.Bits, Options(key.Kernel)))).Value;

    /// <summary>A key of short order.</summary>
    internal static PaillierPrivateKey ShortOfSize(string kernel, int bits) => GeneratedShort.GetOrAdd(
        (kernel, bits),
        static key => new(() => PaillierPrivateKey.Generate(
            key.Bits, Options(key.Kernel) with { Order = KeyOrder.Short }))).Value;

    internal static KeyOptions Options(string kernel) => new() { Kernel = kernel, AllowInsecureSize = true };

    /// <summary>A key so small that all its plaintexts can be tried.</summary>
    internal static PaillierPrivateKey Tiny(string kernel, int p, int q)
    {
        BigInteger n = (BigInteger)p * q;
        int bits = (int)n.GetBitLength();
        byte[] primeBytes = new byte[2];
        LittleEndian.WriteUnsigned(p, primeBytes.AsSpan(0, 1));
        LittleEndian.WriteUnsigned(q, primeBytes.AsSpan(1, 1));
        return PaillierPrivateKey.Create(bits, primeBytes, default, Options(kernel));
    }
}
