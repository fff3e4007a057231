using Popcorn.ObliviousTransfer.Bits;
using Popcorn.ObliviousTransfer.Flows;

namespace Popcorn.ObliviousTransfer.Correlations;

/// <summary>
/// A bit shared by XOR as a number modulo 2^K, so that the client's share is the one that it chose beforehand: a
/// transfer of bit − share for both bits that the server may hold.
/// </summary>
/// <param name="bit">A plane.</param>
/// <param name="share">The client's share of the result, K planes of input.</param>
internal sealed class BitRefreshGate(Wire bit, Wire share) : Gate
{
    private readonly int _width = share.Count;

    public override int ResultPlanes => _width;

    public override IReadOnlyList<PadDraw> Draws => [new(Party.Client, PadUse.Product, 1, _width)];

    public override bool ClientAnswers => true;

    public override int ScratchPlanes => _width + 1;

    /// <summary>Server: σ, m_σ. Client: m₀, m₁.</summary>
    public override int TicketPlanes(Party party) => party == Party.Server ? 1 + _width : 2 * _width;

    public override int MessagePlanes(Party from) => from == Party.Server ? 1 : 2 * _width;

    public override IEnumerable<Wire> MessageInputs(Party party) => party == Party.Server ? [bit] : [bit, share];

    public override void Draw(GateMemory memory, IPadSource pads)
    {
        BitPlanes ticket = memory.TicketOf(this);
        if (memory.Self == Party.Server)
        {
            pads.Receive(PadUse.Product, 1, _width, ticket.Slice(0, 1), ticket.Slice(1, _width));
        }
        else
        {
            pads.Send(PadUse.Product, 1, _width, ticket);
        }
    }

    public override void Write(GateMemory memory, BitPlanes message)
    {
        if (memory.Self == Party.Server)
        {
            PlaneArithmetic.Xor(memory[bit], memory.TicketOf(this).Slice(0, 1), message);
            return;
        }

        BitPlanes first = message.Slice(0, _width), second = message.Slice(_width, _width);
        BitPlanes flipped = memory.Scratch.Slice(_width, 1);
        first.Span.Clear();
        PlaneArithmetic.Subtract(first, memory[share], first);
        PlaneArithmetic.Not(memory[bit], flipped);
        PlaneArithmetic.Add(first, flipped, second);
        PlaneArithmetic.Add(first, memory[bit], first);
        BothPads.Add(
            memory.TicketOf(this), memory.MessageTo(this), first, second, memory.Scratch.Slice(0, _width));
    }

    public override void Finish(GateMemory memory)
    {
        if (memory.Self == Party.Client)
        {
            return; // its share is the one that it wanted
        }

        BitPlanes result = memory.ResultOf(this), other = memory.MessageTo(this);
        PlaneArithmetic.Select(memory[bit], other.Slice(_width, _width), other.Slice(0, _width), result);
        PlaneArithmetic.Subtract(result, memory.TicketOf(this).Slice(1, _width), result);
    }
}

/// <summary>
/// A number, so that the client's share is the one that it chose beforehand: it sends the difference, which is as
/// uniform as that share.
/// </summary>
/// <param name="number">Planes; null: the number is 0.</param>
/// <param name="share">The client's share of the result, K planes of input.</param>
internal sealed class NumberRefreshGate(Wire? number, Wire share) : Gate
{
    public override int ResultPlanes => share.Count;

    public override int MessagePlanes(Party from) => from == Party.Client ? share.Count : 0;

    public override IEnumerable<Wire> MessageInputs(Party party) =>
        (number is { } wire ? [wire] : Array.Empty<Wire>()).Concat(party == Party.Client ? [share] : []);

    public override void Write(GateMemory memory, BitPlanes message)
    {
        message.Span.Clear();
        AddNumber(memory, message);
        PlaneArithmetic.Subtract(message, memory[share], message);
    }

    public override void Finish(GateMemory memory)
    {
        if (memory.Self == Party.Server)
        {
            BitPlanes result = memory.ResultOf(this);
            memory.MessageTo(this).Span.CopyTo(result.Span);
            AddNumber(memory, result);
        }
    }

    private void AddNumber(GateMemory memory, BitPlanes sum)
    {
        if (number is { } wire)
        {
            PlaneArithmetic.Add(sum, memory[wire], sum);
        }
    }
}
