using Popcorn.ObliviousTransfer.Bits;
using Popcorn.ObliviousTransfer.Flows;

namespace Popcorn.ObliviousTransfer.Correlations;

/// <summary>
/// bit·number + addend modulo 2^K, so that the client's share of it is the one that it chose beforehand. The server's
/// number goes by a product as in <see cref="ProductGate"/>; the client's by a transfer of both possible messages,
/// into which it puts all else that it holds, less the share that it wants.
/// </summary>
/// <param name="bit">A plane.</param>
/// <param name="number">K planes.</param>
/// <param name="addend">Up to K planes; null: none.</param>
/// <param name="share">The client's share of the result, K planes of input.</param>
internal sealed class MultiplexerGate(Wire bit, Wire number, Wire? addend, Wire share) : Gate
{
    private readonly int _width = share.Count;

    public override int ResultPlanes => _width;

    public override IReadOnlyList<PadDraw> Draws { get; } =
        [new(Party.Server, PadUse.Product, 1, share.Count), new(Party.Client, PadUse.Product, 1, share.Count)];

    public override bool ClientAnswers => true;

    public override int ScratchPlanes => (2 * _width) + 1;

    /// <summary>Server: q₀, q₁, σ, m_σ. Client: ρ, q_ρ, m₀, m₁.</summary>
    public override int TicketPlanes(Party party) => (3 * _width) + 1;

    /// <summary>Server: δ_s, τ. Client: δ_c, M₀, M₁.</summary>
    public override int MessagePlanes(Party from) => 1 + (from == Party.Server ? _width : 2 * _width);

    public override IEnumerable<Wire> MessageInputs(Party party) =>
        party == Party.Client && addend is { } wire ? [bit, number, share, wire] : [bit, number];

    public override IEnumerable<Wire> ResultInputs(Party party) =>
        party == Party.Client ? [] : addend is { } wire ? [bit, number, wire] : [bit, number];

    public override void Draw(GateMemory memory, IPadSource pads)
    {
        BitPlanes ticket = memory.TicketOf(this);
        if (memory.Self == Party.Server)
        {
            pads.Send(PadUse.Product, 1, _width, ticket.Slice(0, 2 * _width));
            pads.Receive(
                PadUse.Product, 1, _width, ticket.Slice(2 * _width, 1), ticket.Slice((2 * _width) + 1, _width));
        }
        else
        {
            pads.Receive(PadUse.Product, 1, _width, ticket.Slice(0, 1), ticket.Slice(1, _width));
            pads.Send(PadUse.Product, 1, _width, ticket.Slice(1 + _width, 2 * _width));
        }
    }

    public override void Write(GateMemory memory, BitPlanes message)
    {
        if (memory.Self == Party.Server)
        {
            WriteServer(memory, message);
        }
        else
        {
            WriteClient(memory, message);
        }
    }

    public override void Finish(GateMemory memory)
    {
        if (memory.Self == Party.Client)
        {
            return; // its share is the one that it wanted
        }

        BitPlanes ticket = memory.TicketOf(this), result = memory.ResultOf(this), other = memory.MessageTo(this);
        BitPlanes minus = memory.Scratch.Slice(0, _width), whole = memory.Scratch.Slice(_width, _width);

        // The share of the product with the server's own number: −q₀, or its number + q₀.
        BitPlanes pad = ticket.Slice(0, _width);
        minus.Span.Clear();
        PlaneArithmetic.Subtract(minus, pad, minus);
        PlaneArithmetic.NegateIf(memory[bit], memory[number], whole);
        PlaneArithmetic.Add(whole, pad, whole);
        PlaneArithmetic.Select(other.Slice(0, 1), whole, minus, result);

        PlaneArithmetic.AddIf(result, memory[bit], memory[number], result);
        PlaneArithmetic.Select(memory[bit], other.Slice(1 + _width, _width), other.Slice(1, _width), whole);
        PlaneArithmetic.Add(result, whole, result);
        PlaneArithmetic.Subtract(result, ticket.Slice((2 * _width) + 1, _width), result);
        if (addend is { } wire)
        {
            PlaneArithmetic.Add(result, memory[wire], result);
        }
    }

    private void WriteServer(GateMemory memory, BitPlanes message)
    {
        BitPlanes ticket = memory.TicketOf(this), difference = message.Slice(1, _width);
        BitPlanes factor = memory.Scratch.Slice(0, _width);
        PlaneArithmetic.Xor(memory[bit], ticket.Slice(2 * _width, 1), message.Slice(0, 1));
        PlaneArithmetic.NegateIf(memory[bit], memory[number], factor);
        PlaneArithmetic.Subtract(ticket.Slice(0, _width), ticket.Slice(_width, _width), difference);
        PlaneArithmetic.Add(difference, factor, difference);
    }

    private void WriteClient(GateMemory memory, BitPlanes message)
    {
        BitPlanes ticket = memory.TicketOf(this), other = memory.MessageTo(this), choice = ticket.Slice(0, 1);
        BitPlanes first = message.Slice(1, _width), second = message.Slice(1 + _width, _width);
        BitPlanes rest = memory.Scratch.Slice(0, _width), pads = memory.Scratch.Slice(_width, _width);
        BitPlanes flipped = memory.Scratch.Slice(2 * _width, 1);

        PlaneArithmetic.Xor(memory[bit], choice, message.Slice(0, 1));
        PlaneArithmetic.AddIf(ticket.Slice(1, _width), choice, other.Slice(1, _width), rest);
        PlaneArithmetic.NegateIf(message.Slice(0, 1), rest, rest);
        PlaneArithmetic.Subtract(rest, memory[share], rest);
        if (addend is { } wire)
        {
            PlaneArithmetic.Add(rest, memory[wire], rest);
        }

        PlaneArithmetic.Not(memory[bit], flipped);
        PlaneArithmetic.AddIf(rest, memory[bit], memory[number], first);
        PlaneArithmetic.AddIf(rest, flipped, memory[number], second);
        BothPads.Add(ticket.Slice(1 + _width, 2 * _width), other.Slice(0, 1), first, second, pads);
    }
}
