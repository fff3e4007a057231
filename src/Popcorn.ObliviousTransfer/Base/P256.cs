using System.Globalization;
using System.Numerics;
using System.Security.Cryptography;

namespace Popcorn.ObliviousTransfer.Base;

/// <summary>
/// Points of NIST P-256 (SP 800-186): y² = x³ − 3x + b modulo p, of prime order, so that every point but infinity
/// generates the group. On the wire a point is x ‖ y, 32 bytes each, big-endian; infinity cannot be written.
/// </summary>
internal static class P256
{
    public const int CoordinateBytes = 32;
    public const int PointBytes = 2 * CoordinateBytes;

    private static readonly BigInteger P =
        BigInteger.Pow(2, 256) - BigInteger.Pow(2, 224) + BigInteger.Pow(2, 192) + BigInteger.Pow(2, 96) - 1;

    private static readonly BigInteger B = BigInteger.Parse(
        "05ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604b",
        NumberStyles.AllowHexSpecifier,
        CultureInfo.InvariantCulture);

    /// <summary>A fresh private key and its point.</summary>
    public static ECDiffieHellman CreateKey() => ECDiffieHellman.Create(ECCurve.NamedCurves.nistP256);

    /// <summary>Writes the point of a key.</summary>
    public static void Write(ECDiffieHellman key, Span<byte> point)
    {
        ECPoint q = key.ExportParameters(includePrivateParameters: false).Q;
        q.X.CopyTo(point);
        q.Y.CopyTo(point[CoordinateBytes..]);
    }

    /// <summary>Whether bytes are a point: coordinates below p, on the curve.</summary>
    public static bool IsPoint(ReadOnlySpan<byte> point)
    {
        BigInteger x = Number(point[..CoordinateBytes]);
        BigInteger y = Number(point[CoordinateBytes..PointBytes]);
        return x < P && y < P && BigInteger.ModPow(y, 2, P) == RightSide(x);
    }

    /// <summary>
    /// A uniformly random point, of which nobody knows the logarithm: x at random until x³ − 3x + b is a square, then
    /// either root. How many x are tried says something of this point alone, which is public.
    /// </summary>
    public static void WriteRandom(Span<byte> point)
    {
        Span<byte> random = stackalloc byte[CoordinateBytes + 1];
        while (true)
        {
            RandomNumberGenerator.Fill(random);
            BigInteger x = Number(random[..CoordinateBytes]);
            if (x >= P)
            {
                continue;
            }

            BigInteger square = RightSide(x);
            BigInteger y = BigInteger.ModPow(square, (P + 1) / 4, P); // a root where there is one, as p ≡ 3 mod 4
            if (BigInteger.ModPow(y, 2, P) == square)
            {
                random[..CoordinateBytes].CopyTo(point);
                Write((random[CoordinateBytes] & 1) == 0 || y.IsZero ? y : P - y, point[CoordinateBytes..PointBytes]);
                return;
            }
        }
    }

    /// <summary>The x-coordinate of a key's multiple of a point.</summary>
    /// <param name="key">The private key.</param>
    /// <param name="point">A point, which was checked.</param>
    /// <returns>32 bytes, secret.</returns>
    public static byte[] Multiply(ECDiffieHellman key, ReadOnlySpan<byte> point)
    {
        using ECDiffieHellman other = ECDiffieHellman.Create(new ECParameters
        {
            Curve = ECCurve.NamedCurves.nistP256,
            Q = new ECPoint
            {
                X = point[..CoordinateBytes].ToArray(),
                Y = point[CoordinateBytes..PointBytes].ToArray(),
            },
        });
        using ECDiffieHellmanPublicKey publicKey = other.PublicKey;
        return key.DeriveRawSecretAgreement(publicKey);
    }

    private static BigInteger RightSide(BigInteger x)
    {
        BigInteger value = ((BigInteger.ModPow(x, 3, P) - (3 * x) + B) % P) + P;
        return value % P;
    }

    private static BigInteger Number(ReadOnlySpan<byte> bytes) => new(bytes, isUnsigned: true, isBigEndian: true);

    private static void Write(BigInteger number, Span<byte> bytes)
    {
        bytes.Clear();
        int length = number.GetByteCount(isUnsigned: true);
        number.TryWriteBytes(bytes[(CoordinateBytes - length)..], out _, isUnsigned: true, isBigEndian: true);
    }
}
