using System.Numerics;
using System.Security.Cryptography;
using Popcorn.Interop.Memory;
using Popcorn.Interop.Native;

namespace Popcorn.Interop;

/// <summary>
/// A Paillier public key: the modulus n = p·q and the base h of its randomness, with the arithmetic modulo n².
/// Immutable and thread-safe. Batches, encryptors and private keys hold on to what they need: disposing the key does
/// not hurt them. Keys are equal if n, h, kind and kernel are, and what was made from equal keys belongs together.
/// </summary>
public sealed class PaillierPublicKey : IDisposable, IEquatable<PaillierPublicKey>
{
    private const int InsecureSizeFlag = 1;
    private const int ShortOrderFlag = 16;

    private readonly byte[] _exported;
    private readonly byte[] _fingerprint;
    private volatile bool _disposed;

    private PaillierPublicKey(PublicKeyHandle handle, NativePublicKeyInfo info, byte[] exported)
    {
        Bits = info.KeyBits;
        Order = info.OrderBits == 0 ? KeyOrder.Full : KeyOrder.Short;
        CiphertextBytes = info.CiphertextBytes;
        PlaintextWords = info.PlaintextWords;
        Lanes = info.Lanes;
        NumberBytes = info.NumberBytes;
        Kernel = PaillierLibrary.Kernels[info.Kernel];
        Modulus = LittleEndian.ReadUnsigned(exported.AsSpan(KeyFormat.HeaderBytes, info.ModulusBytes));
        _exported = exported;
        _fingerprint = SHA256.HashData(exported);
        SharedHandle = handle.Share($"{Kernel} {Convert.ToHexString(_fingerprint)}");
    }

    /// <summary>Bit length of n.</summary>
    public int Bits { get; }

    /// <summary>The kind of key.</summary>
    public KeyOrder Order { get; }

    /// <summary>Bytes of one exported ciphertext, a little-endian number below n².</summary>
    public int CiphertextBytes { get; }

    /// <summary>64-bit words of one decrypted plaintext, a little-endian number below n.</summary>
    public int PlaintextWords { get; }

    /// <summary>Numbers that the kernel works on at once; batches are best split at multiples.</summary>
    public int Lanes { get; }

    /// <summary>Memory of one ciphertext in a batch or in a program's registers, in bytes.</summary>
    public long NumberBytes { get; }

    /// <summary>Name of the kernel that does this key's arithmetic.</summary>
    public string Kernel { get; }

    /// <summary>n.</summary>
    public BigInteger Modulus { get; }

    /// <summary>SHA-256 of <see cref="Export"/>, 32 bytes.</summary>
    public ReadOnlyMemory<byte> Fingerprint => _fingerprint;

    /// <summary>For what is newly made from this key, which a disposed one refuses.</summary>
    internal PublicKeyHandle Handle
    {
        get
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            return SharedHandle;
        }
    }

    /// <summary>For what outlives the key.</summary>
    internal PublicKeyHandle SharedHandle { get; }

    /// <summary>h, little-endian, as many bytes as n.</summary>
    internal ReadOnlySpan<byte> Base => _exported.AsSpan(KeyFormat.HeaderBytes + KeyFormat.BytesOf(Bits));

    /// <summary>n, little-endian.</summary>
    internal ReadOnlySpan<byte> ModulusBytes => _exported.AsSpan(KeyFormat.HeaderBytes, KeyFormat.BytesOf(Bits));

    /// <summary>
    /// The key as bytes: "PPK1", or "PPS1" if it is of short order, bits, n, h, little-endian.
    /// </summary>
    public byte[] Export() => [.. _exported];

    /// <summary>Reads what <see cref="Export"/> wrote.</summary>
    /// <param name="data">Exactly the exported bytes; they may come from anybody.</param>
    /// <param name="options">Kernel, test switch, and the kind that is accepted.</param>
    /// <exception cref="PaillierException">
    /// <see cref="PaillierError.Key"/>: wrong magic, length, size, parity or base, or a key of the other kind.
    /// </exception>
    public static PaillierPublicKey Import(ReadOnlySpan<byte> data, KeyOptions? options = null)
    {
        int bits = KeyFormat.ReadHeader(data, isPrivate: false, options?.Order ?? KeyOrder.Full);
        int bytes = KeyFormat.BytesOf(bits);
        ReadOnlySpan<byte> n = data.Slice(KeyFormat.HeaderBytes, bytes);
        ReadOnlySpan<byte> h = data.Slice(KeyFormat.HeaderBytes + bytes, bytes);
        return Create(bits, n, h, options);
    }

    /// <summary>Bytes of the exported key that some data begins with.</summary>
    /// <param name="data">At least the first eight bytes of a key; more may follow.</param>
    /// <exception cref="PaillierException"><see cref="PaillierError.Key"/>: no key begins like this.</exception>
    public static int LengthAtStart(ReadOnlySpan<byte> data) =>
        KeyFormat.PublicLength(KeyFormat.ReadStart(data, isPrivate: false).Bits);

    /// <summary>The kind of the exported key that some data begins with.</summary>
    /// <param name="data">At least the first eight bytes of a key; more may follow.</param>
    /// <exception cref="PaillierException"><see cref="PaillierError.Key"/>: no key begins like this.</exception>
    public static KeyOrder OrderAtStart(ReadOnlySpan<byte> data) =>
        KeyFormat.ReadStart(data, isPrivate: false).Order;

    /// <summary>
    /// Checks <see cref="PaillierPrivateKey.ProveModulus"/>: that gcd(n, φ(n)) = 1 and n has no prime factor below 2¹⁶.
    /// Then the plaintexts modulo n and the n-th residues are all that a ciphertext is made of.
    /// </summary>
    /// <param name="proof">The proof; it may come from anybody, and have any length.</param>
    /// <returns>Whether it holds. Nobody finds one that does where the gcd is not 1 in less than 2¹²⁸ tries.</returns>
    public bool VerifyModulus(ReadOnlySpan<byte> proof)
    {
        byte[] numbers = ModulusProof.Numbers(ModulusBytes);
        if (proof.Length != numbers.Length)
        {
            return false;
        }

        NativeStatus.Check(
            NativeMethods.CheckRoots(Handle, numbers, proof, proof.Length, ModulusProof.Roots, out int valid),
            "proof of the modulus");
        return valid == 1;
    }

    /// <inheritdoc/>
    public bool Equals(PaillierPublicKey? other) => SharedHandle == other?.SharedHandle;

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as PaillierPublicKey);

    /// <inheritdoc/>
    public override int GetHashCode() => SharedHandle.GetHashCode();

    /// <summary>
    /// Releases the key; what was made from it stays usable. Its memory goes with the last of that, and of equal keys.
    /// </summary>
    public void Dispose() => _disposed = true;

    /// <summary>A key from little-endian n and h of exactly the bytes that <paramref name="bits"/> ask for.</summary>
    internal static PaillierPublicKey Create(
        int bits, ReadOnlySpan<byte> n, ReadOnlySpan<byte> h, KeyOptions? options)
    {
        int kernel = PaillierLibrary.ResolveKernel(options?.Kernel);
        KeyOrder order = options?.Order ?? KeyOrder.Full;
        int flags = (options?.AllowInsecureSize == true ? InsecureSizeFlag : 0)
            | (order == KeyOrder.Short ? ShortOrderFlag : 0);
        NativeStatus.Check(
            NativeMethods.PublicCreate(n, n.Length, h, h.Length, flags, kernel, out PublicKeyHandle handle),
            "public key");
        try
        {
            NativeStatus.Check(NativeMethods.PublicGetInfo(handle, out NativePublicKeyInfo info), "public key");
            if (info.KeyBits != bits)
            {
                throw new PaillierException(
                    PaillierError.Key, $"public key: n has {info.KeyBits} bits where {bits} are declared.");
            }

            byte[] exported = new byte[KeyFormat.PublicLength(bits)];
            KeyFormat.WriteHeader(isPrivate: false, order, bits, exported);
            n.CopyTo(exported.AsSpan(KeyFormat.HeaderBytes));
            h.CopyTo(exported.AsSpan(KeyFormat.HeaderBytes + n.Length));
            return new PaillierPublicKey(handle, info, exported);
        }
        catch
        {
            handle.Dispose();
            throw;
        }
    }
}
