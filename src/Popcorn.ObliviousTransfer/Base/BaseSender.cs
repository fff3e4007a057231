using System.Security.Cryptography;
using Popcorn.ObliviousTransfer.Bits;
using Popcorn.ObliviousTransfer.Flows;

namespace Popcorn.ObliviousTransfer.Base;

/// <summary>The side of the base transfers that gets both keys; see <see cref="BaseTransfers"/>.</summary>
internal sealed class BaseSender : IDisposable
{
    private readonly ECDiffieHellman _key = P256.CreateKey();
    private readonly byte[] _point = new byte[P256.PointBytes];

    /// <summary>With a secret that is used in one session only.</summary>
    public BaseSender() => P256.Write(_key, _point);

    /// <summary>Y: the sender's message, which waits for nothing.</summary>
    public ReadOnlySpan<byte> Message => _point;

    /// <summary>Both keys of each transfer.</summary>
    /// <param name="session">The session's identifier.</param>
    /// <param name="direction">0 or 1.</param>
    /// <param name="message">The receiver's message.</param>
    /// <param name="pairs">Filled: keys 2i and 2i + 1 for transfer i.</param>
    /// <exception cref="TransferException">The message holds something that is not a point.</exception>
    public void Read(ReadOnlySpan<byte> session, int direction, ReadOnlySpan<byte> message, SecretArray<Block> pairs)
    {
        for (int point = 0; point < 2 * BaseTransfers.Count; point++)
        {
            if (!P256.IsPoint(message.Slice(point * P256.PointBytes, P256.PointBytes)))
            {
                throw new TransferException($"point {point} of the base transfers is not on the curve P-256");
            }
        }

        for (int i = 0; i < BaseTransfers.Count; i++)
        {
            ReadOnlySpan<byte> pair = message.Slice(i * BaseTransfers.PairBytes, BaseTransfers.PairBytes);
            for (int choice = 0; choice < 2; choice++)
            {
                byte[] secret = P256.Multiply(_key, pair.Slice(choice * P256.PointBytes, P256.PointBytes));
                pairs[(2 * i) + choice] =
                    BaseTransfers.KeyOf(session, direction, i, choice, pair, _point, secret);
            }
        }
    }

    /// <summary>Forgets the secret.</summary>
    public void Dispose() => _key.Dispose();
}
