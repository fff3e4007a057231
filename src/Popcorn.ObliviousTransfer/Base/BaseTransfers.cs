using System.Security.Cryptography;
using Popcorn.ObliviousTransfer.Symmetric;

namespace Popcorn.ObliviousTransfer.Base;

/// <summary>
/// What the two sides of the base transfers share. One side, the sender, ends with 128 pairs of keys, the other, the
/// receiver, with one key of each pair, that of its choice (Bellare and Micali 1989; Naor and Pinkas 2001, with a
/// random point in place of a difference). For each transfer the receiver sends two points: of one it knows the
/// logarithm, the other is random; the sender's key for a point P is a hash of y·P, with one y and Y = y·G for all.
/// Both points are uniform whatever the choice is; the key that the receiver did not choose needs a solution of the
/// computational Diffie–Hellman problem. For parties that follow the protocol: a receiver that makes both points from
/// logarithms reads both keys.
/// </summary>
internal static class BaseTransfers
{
    /// <summary>Transfers: as many as Δ has bits.</summary>
    public const int Count = 128;

    /// <summary>Length of the sender's message.</summary>
    public const int SenderBytes = P256.PointBytes;

    /// <summary>Length of the receiver's message.</summary>
    public const int ReceiverBytes = Count * PairBytes;

    /// <summary>Length of one transfer's two points.</summary>
    public const int PairBytes = 2 * P256.PointBytes;

    /// <summary>The key of a transfer: a hash of all that was said about it, and of the secret.</summary>
    /// <param name="session">The session's identifier.</param>
    /// <param name="direction">0 or 1.</param>
    /// <param name="index">Which transfer.</param>
    /// <param name="choice">Which of its two points, 0 or 1.</param>
    /// <param name="pair">The two points.</param>
    /// <param name="senderPoint">Y.</param>
    /// <param name="secret">x-coordinate of y times the point; wiped.</param>
    public static Block KeyOf(
        ReadOnlySpan<byte> session, int direction, int index, int choice, ReadOnlySpan<byte> pair,
        ReadOnlySpan<byte> senderPoint, byte[] secret)
    {
        using var kdf = new Kdf(session, "base");
        kdf.Add((byte)direction);
        kdf.Add(index);
        kdf.Add((byte)choice);
        kdf.Add(pair[..P256.PointBytes]);
        kdf.Add(pair[P256.PointBytes..]);
        kdf.Add(senderPoint);
        kdf.Add(secret);
        CryptographicOperations.ZeroMemory(secret);
        return kdf.DeriveKey();
    }
}
