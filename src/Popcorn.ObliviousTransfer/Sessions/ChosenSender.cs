using System.Runtime.InteropServices;
using Popcorn.ObliviousTransfer.Bits;
using Popcorn.ObliviousTransfer.Flows;

namespace Popcorn.ObliviousTransfer.Sessions;

/// <summary>
/// Sends pairs of messages of which the receiver gets one each: random pads (Beaver 1995), swapped where the receiver
/// says that its choice is not the random one, are added to the messages.
/// </summary>
internal sealed class ChosenSender : Protocol
{
    private readonly SecretArray<Block> _messages; // those of choice 0, then those of choice 1
    private readonly SecretArray<Block> _pads;
    private readonly int _count;

    public ChosenSender(Transfers transfers, ReadOnlySpan<Block> first, ReadOnlySpan<Block> second)
        : base(transfers.Self, FlowsFor(transfers.Self, first.Length))
    {
        transfers.Sending.Demand(first.Length); // before anything secret is there
        _count = first.Length;
        _messages = new SecretArray<Block>(2 * _count);
        first.CopyTo(_messages.Span);
        second.CopyTo(_messages.Span[_count..]);
        _pads = new SecretArray<Block>(2 * _count);
        transfers.TakeRandom(_pads.Span[.._count], _pads.Span[_count..]);
    }

    /// <summary>The receiver's corrections, a bit each; then both messages of every pair, masked.</summary>
    public static Flow[] FlowsFor(Party sender, int count) =>
        [new Flow(sender.Other(), (count + 7) / 8), new Flow(sender, checked(32 * count))];

    protected override void OnRead(int flow, ReadOnlySpan<byte> message)
    {
        if (_count % 8 != 0 && message[^1] >> (_count % 8) != 0)
        {
            throw new TransferException("the padding of a message's bits is not zero");
        }

        Span<Block> messages = _messages.Span, pads = _pads.Span;
        for (int i = 0; i < _count; i++)
        {
            int swapped = (message[i / 8] >> (i % 8)) & 1;
            messages[i] ^= pads[(swapped * _count) + i];
            messages[_count + i] ^= pads[((1 ^ swapped) * _count) + i];
        }
    }

    protected override void OnWrite(int flow, Span<byte> message) =>
        MemoryMarshal.AsBytes(_messages.Span).CopyTo(message);

    protected override void Dispose(bool disposing)
    {
        _messages.Dispose();
        _pads.Dispose();
    }
}
