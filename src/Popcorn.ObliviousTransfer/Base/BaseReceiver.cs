using System.Security.Cryptography;
using Popcorn.ObliviousTransfer.Bits;
using Popcorn.ObliviousTransfer.Flows;

namespace Popcorn.ObliviousTransfer.Base;

/// <summary>The side of the base transfers that chooses; see <see cref="BaseTransfers"/>.</summary>
internal sealed class BaseReceiver : IDisposable
{
    private readonly ECDiffieHellman[] _keys = new ECDiffieHellman[BaseTransfers.Count];
    private readonly byte[] _message = new byte[BaseTransfers.ReceiverBytes];
    private readonly SecretArray<byte> _choices = new(BaseTransfers.Count);

    /// <summary>With choices.</summary>
    /// <param name="choices">0 or 1 each, 128 of them.</param>
    public BaseReceiver(ReadOnlySpan<byte> choices)
    {
        choices.CopyTo(_choices.Span);
        for (int i = 0; i < _keys.Length; i++)
        {
            Span<byte> first = _message.AsSpan(i * BaseTransfers.PairBytes, P256.PointBytes);
            Span<byte> second = _message.AsSpan((i * BaseTransfers.PairBytes) + P256.PointBytes, P256.PointBytes);
            _keys[i] = P256.CreateKey();
            P256.Write(_keys[i], first);
            P256.WriteRandom(second);

            // Made in this order always; the point with the known logarithm then goes where the choice says.
            byte mask = (byte)-choices[i];
            for (int b = 0; b < P256.PointBytes; b++)
            {
                int difference = (first[b] ^ second[b]) & mask;
                first[b] ^= (byte)difference;
                second[b] ^= (byte)difference;
            }
        }
    }

    /// <summary>The receiver's message, which waits for nothing.</summary>
    public ReadOnlySpan<byte> Message => _message;

    /// <summary>The chosen key of each transfer.</summary>
    /// <param name="session">The session's identifier.</param>
    /// <param name="direction">0 or 1.</param>
    /// <param name="message">The sender's message.</param>
    /// <param name="keys">Filled, 128 keys.</param>
    /// <exception cref="TransferException">The message is not a point.</exception>
    public void Read(ReadOnlySpan<byte> session, int direction, ReadOnlySpan<byte> message, SecretArray<Block> keys)
    {
        if (!P256.IsPoint(message))
        {
            throw new TransferException("the point of the base transfers' sender is not on the curve P-256");
        }

        for (int i = 0; i < _keys.Length; i++)
        {
            ReadOnlySpan<byte> pair = _message.AsSpan(i * BaseTransfers.PairBytes, BaseTransfers.PairBytes);
            byte[] secret = P256.Multiply(_keys[i], message);
            keys[i] = BaseTransfers.KeyOf(session, direction, i, _choices[i], pair, message, secret);
        }
    }

    /// <summary>Forgets the secrets.</summary>
    public void Dispose()
    {
        Array.ForEach(_keys, key => key.Dispose());
        _choices.Dispose();
    }
}
