using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using Popcorn.ObliviousTransfer.Bits;
using Popcorn.ObliviousTransfer.Flows;

namespace Popcorn.ObliviousTransfer.Sessions;

/// <summary>Receives one message of each pair; the sender does not learn which.</summary>
public sealed class ChosenReceiver : Protocol
{
    private readonly SecretArray<byte> _choices;
    private readonly SecretArray<byte> _random;
    private readonly SecretArray<Block> _messages;

    internal ChosenReceiver(Transfers transfers, ReadOnlySpan<byte> choices)
        : base(transfers.Self, ChosenSender.FlowsFor(transfers.Self.Other(), choices.Length))
    {
        if (choices.ContainsAnyExceptInRange((byte)0, (byte)1))
        {
            throw new ArgumentException("a choice is 0 or 1", nameof(choices));
        }

        transfers.Receiving.Demand(choices.Length); // before anything secret is there
        _choices = new SecretArray<byte>(choices.Length);
        choices.CopyTo(_choices.Span);
        _random = new SecretArray<byte>(choices.Length);
        _messages = new SecretArray<Block>(choices.Length);
        transfers.TakeRandomChoices(_random.Span, _messages.Span);
    }

    /// <summary>The chosen messages.</summary>
    /// <exception cref="InvalidOperationException">They are not here yet.</exception>
    public ReadOnlySpan<Block> Messages
    {
        get
        {
            AssertDone();
            return _messages.Span;
        }
    }

    /// <inheritdoc/>
    protected override void OnWrite(int flow, Span<byte> message)
    {
        message.Clear();
        ReadOnlySpan<byte> choices = _choices.Span, random = _random.Span;
        for (int i = 0; i < choices.Length; i++)
        {
            message[i / 8] |= (byte)((choices[i] ^ random[i]) << (i % 8));
        }
    }

    /// <inheritdoc/>
    protected override void OnRead(int flow, ReadOnlySpan<byte> message)
    {
        ReadOnlySpan<Block> masked = MemoryMarshal.Cast<byte, Block>(message);
        ReadOnlySpan<byte> choices = _choices.Span;
        Span<Block> messages = _messages.Span;
        for (int i = 0; i < messages.Length; i++)
        {
            Block isSecond = Vector128.Create(0ul - choices[i]);
            messages[i] ^= Vector128.ConditionalSelect(isSecond, masked[messages.Length + i], masked[i]);
        }
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        _choices.Dispose();
        _random.Dispose();
        _messages.Dispose();
    }
}
