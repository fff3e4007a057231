using System.Numerics;
using System.Security.Cryptography;
using Popcorn.Interop.Memory;
using Popcorn.Interop.Native;

namespace Popcorn.Interop;

/// <summary>
/// A Paillier private key: the primes p and q, with the arithmetic modulo p² and q². Immutable and thread-safe; its
/// memory is wiped when it is disposed (or, failing that, finalized).
/// </summary>
public sealed class PaillierPrivateKey : IDisposable
{
    // About as many as it takes to find a prime of 1024 bits: few survive the small factors, of p and of p - 1.
    private const int CandidatesPerDraw = 2048;

    // y is drawn this much wider than n, so that its reduction modulo n is uniform for all practical purposes.
    private const int ExtraBytes = 16;

    // PC_FLAG_FRESH_PRIMES: primes that the search has just tested need not be tested again.
    private const int FreshPrimes = 2;

    private readonly SecretArray<byte> _primes;
    private readonly Lazy<byte[]> _proof;

    private PaillierPrivateKey(PaillierPublicKey publicKey, PrivateKeyHandle handle, SecretArray<byte> primes)
    {
        PublicKey = publicKey;
        Handle = handle;
        _primes = primes;
        _proof = new Lazy<byte[]>(FindProof);
    }

    /// <summary>The public key. It outlives this one unless it is disposed itself.</summary>
    public PaillierPublicKey PublicKey { get; }

    internal PrivateKeyHandle Handle { get; }

    /// <summary>Generates a key from the operating system's randomness.</summary>
    /// <param name="bits">Bits of n: 2048, 3072 or 4096. Tests may ask for any even number from 128 to 4096.</param>
    /// <param name="options">Kernel and test switch.</param>
    /// <exception cref="ArgumentOutOfRangeException">A size that is not allowed.</exception>
    public static PaillierPrivateKey Generate(int bits = 2048, KeyOptions? options = null)
    {
        bool allowed = options?.AllowInsecureSize == true
            ? bits is >= 128 and <= 4096 && bits % 2 == 0
            : bits is 2048 or 3072 or 4096;
        if (!allowed)
        {
            throw new ArgumentOutOfRangeException(nameof(bits), bits, "A key has 2048, 3072 or 4096 bits.");
        }

        PaillierLibrary.EnsureLoaded();
        int primeBits = bits / 2;
        int primeBytes = KeyFormat.PrimeBytesOf(bits);
        using var primes = new SecretArray<byte>(checked(2 * primeBytes));
        Span<byte> p = primes.Span[..primeBytes];
        Span<byte> q = primes.Span[primeBytes..];
        FindPrime(primeBits, default, p);
        FindPrime(primeBits, p, q);
        return Create(bits, p, q, default, options, FreshPrimes);
    }

    /// <summary>Reads what <see cref="Export"/> wrote and checks it: primality, sizes, base.</summary>
    /// <param name="data">Exactly the exported bytes; the caller wipes them.</param>
    /// <param name="options">Kernel and test switch.</param>
    /// <exception cref="PaillierException">
    /// <see cref="PaillierError.Key"/>: wrong magic, length or size, or numbers that make no key.
    /// </exception>
    public static PaillierPrivateKey Import(ReadOnlySpan<byte> data, KeyOptions? options = null)
    {
        int bits = KeyFormat.ReadHeader(data, KeyFormat.PrivateMagic, "private", KeyFormat.PrivateLength);
        int primeBytes = KeyFormat.PrimeBytesOf(bits);
        ReadOnlySpan<byte> p = data.Slice(KeyFormat.HeaderBytes, primeBytes);
        ReadOnlySpan<byte> q = data.Slice(KeyFormat.HeaderBytes + primeBytes, primeBytes);
        ReadOnlySpan<byte> h = data[(KeyFormat.HeaderBytes + (2 * primeBytes))..];
        return Create(bits, p, q, h, options);
    }

    /// <summary>
    /// The key as bytes: "PSK1", bits, p, q, h, little-endian and unencrypted. The caller wipes the array
    /// (<see cref="CryptographicOperations.ZeroMemory"/>) and keeps what it is written to from other eyes.
    /// </summary>
    /// <exception cref="ObjectDisposedException">The key was disposed.</exception>
    public byte[] Export()
    {
        ObjectDisposedException.ThrowIf(Handle.IsClosed, this);
        int bits = PublicKey.Bits;
        ReadOnlySpan<byte> primes = _primes.Span;
        ReadOnlySpan<byte> h = PublicKey.Base;
        byte[] exported = GC.AllocateArray<byte>(KeyFormat.PrivateLength(bits), pinned: true);
        KeyFormat.WriteHeader(KeyFormat.PrivateMagic, bits, exported);
        primes.CopyTo(exported.AsSpan(KeyFormat.HeaderBytes));
        h.CopyTo(exported.AsSpan(KeyFormat.HeaderBytes + primes.Length));

        // The primes are wiped with this object, which may be garbage once its last field is read.
        GC.KeepAlive(this);
        return exported;
    }

    /// <summary>
    /// A proof that gcd(n, φ(n)) = 1, which <see cref="PaillierPublicKey.VerifyModulus"/> checks: it tells nothing else
    /// about the primes, and is the same every time. Made once, then kept.
    /// </summary>
    /// <returns>Eight times as many bytes as n has.</returns>
    /// <exception cref="ObjectDisposedException">The key was disposed before there was a proof.</exception>
    public byte[] ProveModulus() => [.. _proof.Value];

    /// <summary>Wipes and releases the private key. The public key and all batches stay usable.</summary>
    public void Dispose()
    {
        Handle.Dispose();
        _primes.Dispose();
    }

    /// <summary>A key from its primes and, unless it is empty and to be drawn, h; checked as the flags say.</summary>
    internal static PaillierPrivateKey Create(
        int bits, ReadOnlySpan<byte> p, ReadOnlySpan<byte> q, ReadOnlySpan<byte> h, KeyOptions? options,
        int flags = 0)
    {
        using var product = new SecretArray<byte>(checked(p.Length + q.Length));
        LittleEndian.Multiply(p, q, product.Span);
        int modulusBytes = KeyFormat.BytesOf(bits);
        if (product.Span[modulusBytes..].ContainsAnyExcept((byte)0))
        {
            throw new PaillierException(PaillierError.Key, $"private key: p·q has more than {bits} bits.");
        }

        ReadOnlySpan<byte> n = product.Span[..modulusBytes];
        PaillierPublicKey publicKey = PaillierPublicKey.Create(bits, n, h.IsEmpty ? DrawBase(n) : h, options);
        var primes = new SecretArray<byte>(checked(p.Length + q.Length));
        try
        {
            NativeStatus.Check(
                NativeMethods.PrivateCreate(publicKey.Handle, p, q, p.Length, flags, out PrivateKeyHandle handle),
                "private key");
            p.CopyTo(primes.Span);
            q.CopyTo(primes.Span[p.Length..]);
            return new PaillierPrivateKey(publicKey, handle, primes);
        }
        catch
        {
            primes.Dispose();
            publicKey.Dispose();
            throw;
        }
    }

    private byte[] FindProof()
    {
        byte[] numbers = ModulusProof.Numbers(PublicKey.ModulusBytes);
        byte[] roots = new byte[numbers.Length];
        NativeStatus.Check(
            NativeMethods.FindRoots(Handle, numbers, numbers.Length, ModulusProof.Roots, roots),
            "proof of the modulus");
        return roots;
    }

    private static void FindPrime(int bits, ReadOnlySpan<byte> other, Span<byte> prime)
    {
        using var random = new SecretArray<byte>(checked(CandidatesPerDraw * prime.Length));
        int status;
        do
        {
            RandomNumberGenerator.Fill(random.Span);
            status = NativeMethods.PrimeSearch(
                random.Span, random.Span.Length, bits, other, other.Length, prime, prime.Length);
        }
        while (status == (int)PaillierError.NoPrime);
        NativeStatus.Check(status, "prime search");
    }

    /// <summary>
    /// h = -y² mod n, which generates the randomness of Damgård, Jurik and Nielsen's encryption. Nothing secret:
    /// y tells nobody the factors of n.
    /// </summary>
    internal static byte[] DrawBase(ReadOnlySpan<byte> n)
    {
        BigInteger modulus = LittleEndian.ReadUnsigned(n);
        BigInteger h;
        do
        {
            BigInteger y = LittleEndian.ReadUnsigned(RandomNumberGenerator.GetBytes(checked(n.Length + ExtraBytes)));
            h = modulus - BigInteger.ModPow(y, 2, modulus);
        }
        while (!BigInteger.GreatestCommonDivisor(h, modulus).IsOne || h.IsOne);
        byte[] bytes = new byte[n.Length];
        LittleEndian.WriteUnsigned(h, bytes);
        return bytes;
    }
}
