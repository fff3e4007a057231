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

    // p and q, of a short-order key u_p and u_q as well: as they are exported.
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
    /// <param name="options">Kernel, kind and test switch.</param>
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
        KeyOrder order = options?.Order ?? KeyOrder.Full;
        using var primes = new SecretArray<byte>(PrimesLength(bits, order));
        Primes parts = new(primes.Span, bits, order);
        if (order == KeyOrder.Full)
        {
            FindPrime(bits / 2, default, default, parts.P);
            FindPrime(bits / 2, default, parts.P, parts.Q);
            return Create(bits, primes.Span, default, options, FreshPrimes);
        }

        // The search makes orders as it makes other primes: two top bits set, 3 modulo 4, 2 modulo 3. That takes some
        // four bits off their choice and two off the 2^128 products modulo n of whoever looks for them.
        FindPrime(KeyFormat.OrderBitsOf(bits), default, default, parts.OrderP);
        FindPrime(KeyFormat.OrderBitsOf(bits), default, parts.OrderP, parts.OrderQ);
        FindPrime(bits / 2, parts.OrderP, default, parts.P);
        FindPrime(bits / 2, parts.OrderQ, parts.P, parts.Q);
        return Create(bits, primes.Span, DrawShortBase(bits, parts), options, FreshPrimes);
    }

    /// <summary>Reads what <see cref="Export"/> wrote and checks it: primality, sizes, orders, base.</summary>
    /// <param name="data">Exactly the exported bytes; the caller wipes them.</param>
    /// <param name="options">Kernel, test switch, and the kind that is accepted.</param>
    /// <exception cref="PaillierException">
    /// <see cref="PaillierError.Key"/>: wrong magic, length or size, numbers that make no key, or a key of the other
    /// kind.
    /// </exception>
    public static PaillierPrivateKey Import(ReadOnlySpan<byte> data, KeyOptions? options = null)
    {
        KeyOrder order = options?.Order ?? KeyOrder.Full;
        int bits = KeyFormat.ReadHeader(data, isPrivate: true, order);
        ReadOnlySpan<byte> numbers = data[KeyFormat.HeaderBytes..];
        int length = PrimesLength(bits, order);
        return Create(bits, numbers[..length], numbers[length..], options);
    }

    /// <summary>The kind of an exported key: what an import of any key needs to accept.</summary>
    /// <param name="data">At least the first eight bytes of a key; more may follow.</param>
    /// <exception cref="PaillierException"><see cref="PaillierError.Key"/>: no key begins like this.</exception>
    public static KeyOrder OrderAtStart(ReadOnlySpan<byte> data) => KeyFormat.ReadStart(data, isPrivate: true).Order;

    /// <summary>
    /// The key as bytes: "PSK1", bits, p, q, h, or "PSS1", bits, p, q, u_p, u_q, h, if it is of short order;
    /// little-endian and unencrypted. The caller wipes the array (<see cref="CryptographicOperations.ZeroMemory"/>) and
    /// keeps what it is written to from other eyes.
    /// </summary>
    /// <exception cref="ObjectDisposedException">The key was disposed.</exception>
    public byte[] Export()
    {
        ObjectDisposedException.ThrowIf(Handle.IsClosed, this);
        int bits = PublicKey.Bits;
        ReadOnlySpan<byte> primes = _primes.Span;
        ReadOnlySpan<byte> h = PublicKey.Base;
        byte[] exported = GC.AllocateArray<byte>(KeyFormat.PrivateLength(bits, PublicKey.Order), pinned: true);
        KeyFormat.WriteHeader(isPrivate: true, PublicKey.Order, bits, exported);
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

    /// <summary>
    /// A key from its primes, as they are exported, and, unless it is empty and to be drawn, h; checked as the flags
    /// say. A short-order key's h is never empty.
    /// </summary>
    internal static PaillierPrivateKey Create(
        int bits, ReadOnlySpan<byte> numbers, ReadOnlySpan<byte> h, KeyOptions? options, int flags = 0)
    {
        int primeBytes = KeyFormat.PrimeBytesOf(bits);
        ReadOnlySpan<byte> p = numbers[..primeBytes];
        ReadOnlySpan<byte> q = numbers.Slice(primeBytes, primeBytes);
        using var product = new SecretArray<byte>(checked(p.Length + q.Length));
        LittleEndian.Multiply(p, q, product.Span);
        int modulusBytes = KeyFormat.BytesOf(bits);
        if (product.Span[modulusBytes..].ContainsAnyExcept((byte)0))
        {
            throw new PaillierException(PaillierError.Key, $"private key: p·q has more than {bits} bits.");
        }

        ReadOnlySpan<byte> n = product.Span[..modulusBytes];
        PaillierPublicKey publicKey = PaillierPublicKey.Create(bits, n, h.IsEmpty ? DrawBase(n) : h, options);
        var primes = new SecretArray<byte>(numbers.Length);
        try
        {
            numbers.CopyTo(primes.Span);
            Primes parts = new(primes.Span, bits, publicKey.Order);
            int status = publicKey.Order == KeyOrder.Full
                ? NativeMethods.PrivateCreate(publicKey.Handle, p, q, p.Length, flags, out PrivateKeyHandle handle)
                : NativeMethods.PrivateCreateShort(
                    publicKey.Handle, p, q, p.Length, parts.OrderP, parts.OrderQ, parts.OrderP.Length, flags,
                    out handle);
            NativeStatus.Check(status, "private key");
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

    private static int PrimesLength(int bits, KeyOrder order) =>
        2 * (KeyFormat.PrimeBytesOf(bits) + KeyFormat.OrderBytesOf(bits, order));

    /// <summary>A prime, which is 1 modulo an order and suits another prime, if these are not empty.</summary>
    private static void FindPrime(int bits, ReadOnlySpan<byte> order, ReadOnlySpan<byte> other, Span<byte> prime)
    {
        using var random = new SecretArray<byte>(checked(CandidatesPerDraw * prime.Length));
        int status;
        do
        {
            RandomNumberGenerator.Fill(random.Span);
            status = order.IsEmpty
                ? NativeMethods.PrimeSearch(
                    random.Span, random.Length, bits, other, other.Length, prime, prime.Length)
                : NativeMethods.PrimeSearchShort(
                    random.Span, random.Length, bits, order, order.Length, other, other.Length, prime, prime.Length);
        }
        while (status == (int)PaillierError.NoPrime);
        NativeStatus.Check(status, "prime search");
    }

    /// <summary>h of order u_p·u_q.</summary>
    private static byte[] DrawShortBase(int bits, Primes primes)
    {
        byte[] h = new byte[2 * primes.P.Length];
        int status;
        do
        {
            byte[] y = RandomNumberGenerator.GetBytes(checked(KeyFormat.BytesOf(bits) + ExtraBytes));
            status = NativeMethods.ShortBase(
                primes.P, primes.Q, primes.P.Length, primes.OrderP, primes.OrderQ, primes.OrderP.Length, y, y.Length,
                h, h.Length);
        }
        while (status == (int)PaillierError.NoPrime);
        NativeStatus.Check(status, "base");
        return h[..KeyFormat.BytesOf(bits)];
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

    /// <summary>The parts of an exported key's primes; orders are empty in a key of full order.</summary>
    private readonly ref struct Primes(Span<byte> all, int bits, KeyOrder order)
    {
        private readonly Span<byte> _primes = all[..(2 * KeyFormat.PrimeBytesOf(bits))];
        private readonly Span<byte> _orders = all[(2 * KeyFormat.PrimeBytesOf(bits))..PrimesLength(bits, order)];

        internal Span<byte> P => _primes[..(_primes.Length / 2)];

        internal Span<byte> Q => _primes[(_primes.Length / 2)..];

        internal Span<byte> OrderP => _orders[..(_orders.Length / 2)];

        internal Span<byte> OrderQ => _orders[(_orders.Length / 2)..];
    }
}
