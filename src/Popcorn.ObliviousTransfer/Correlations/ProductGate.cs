using Popcorn.ObliviousTransfer.Bits;
using Popcorn.ObliviousTransfer.Flows;

namespace Popcorn.ObliviousTransfer.Correlations;

/// <summary>How a bit enters a product with a number of the server's.</summary>
internal enum ProductBit
{
    /// <summary>The client's share of the bit, which the circuit computes.</summary>
    Client,

    /// <summary>The client's share of a bit that is an input, so that its correction comes before all else.</summary>
    ClientInput,

    /// <summary>Both shares: the bit itself.</summary>
    Shared,
}

/// <summary>
/// A bit of the client's times a number v of the server's, modulo 2^w (Gilboa 1999): the server sends τ = v + q₀ − q₁,
/// the client, with ρ and q_ρ, δ = bit ⊕ ρ, neither waiting for the other; q_ρ + ρ·τ = q₀ + ρ·v. A bit shared by XOR is
/// x_s + (1 − 2·x_s)·x_c.
/// </summary>
/// <param name="bit">A plane.</param>
/// <param name="kind">What of the bit.</param>
/// <param name="number">The server's number.</param>
/// <param name="width">w.</param>
/// <param name="isLast">Whether only the client's very last message depends on the product.</param>
internal sealed class ProductGate(Wire bit, ProductBit kind, Wire number, int width, bool isLast = false) : Gate
{
    public override int ResultPlanes => width;

    public override IReadOnlyList<PadDraw> Draws => [new(Party.Server, PadUse.Product, 1, width)];

    public override int CorrectionPlanes => kind == ProductBit.ClientInput ? 1 : 0;

    public override bool ClientIsLast => isLast;

    public override int ScratchPlanes => 2 * width;

    /// <summary>Server: q₀, q₁. Client: ρ, q_ρ.</summary>
    public override int TicketPlanes(Party party) => party == Party.Server ? 2 * width : 1 + width;

    public override int MessagePlanes(Party from) =>
        from == Party.Server ? width : kind == ProductBit.ClientInput ? 0 : 1;

    public override IEnumerable<Wire> MessageInputs(Party party) =>
        party == Party.Client ? [bit] : kind == ProductBit.Shared ? [number, bit] : [number];

    public override void Draw(GateMemory memory, IPadSource pads)
    {
        BitPlanes ticket = memory.TicketOf(this);
        if (memory.Self == Party.Server)
        {
            pads.Send(PadUse.Product, 1, width, ticket);
        }
        else
        {
            pads.Receive(PadUse.Product, 1, width, ticket.Slice(0, 1), ticket.Slice(1, width));
        }
    }

    /// <summary>From now on ρ is the bit itself.</summary>
    public override void WriteCorrections(GateMemory memory, BitPlanes message)
    {
        BitPlanes choice = memory.TicketOf(this).Slice(0, 1);
        PlaneArithmetic.Xor(memory[bit], choice, message);
        memory[bit].Span.CopyTo(choice.Span);
    }

    public override void ReadCorrections(GateMemory memory, BitPlanes message)
    {
        BitPlanes ticket = memory.TicketOf(this);
        PlaneArithmetic.SwapIf(message, ticket.Slice(0, width), ticket.Slice(width, width));
    }

    public override void Write(GateMemory memory, BitPlanes message)
    {
        BitPlanes ticket = memory.TicketOf(this);
        if (memory.Self == Party.Client)
        {
            PlaneArithmetic.Xor(memory[bit], ticket.Slice(0, 1), message);
            return;
        }

        PlaneArithmetic.Subtract(ticket.Slice(0, width), ticket.Slice(width, width), message);
        PlaneArithmetic.Add(message, Factor(memory), message);
    }

    public override void Finish(GateMemory memory)
    {
        BitPlanes ticket = memory.TicketOf(this), result = memory.ResultOf(this), other = memory.MessageTo(this);
        if (memory.Self == Party.Client)
        {
            // A share of ρ·v, and of bit·v = v − ρ·v where they differ.
            PlaneArithmetic.AddIf(ticket.Slice(1, width), ticket.Slice(0, 1), other, result);
            if (kind != ProductBit.ClientInput)
            {
                BitPlanes differs = memory.Scratch.Slice(0, 1);
                PlaneArithmetic.Xor(memory[bit], ticket.Slice(0, 1), differs);
                PlaneArithmetic.NegateIf(differs, result, result);
            }

            return;
        }

        BitPlanes pad = ticket.Slice(0, width);
        result.Span.Clear();
        PlaneArithmetic.Subtract(result, pad, result);
        if (kind != ProductBit.ClientInput)
        {
            BitPlanes whole = memory.Scratch.Slice(width, width);
            PlaneArithmetic.Add(pad, Factor(memory), whole);
            PlaneArithmetic.Select(other, whole, result, result);
        }

        if (kind == ProductBit.Shared)
        {
            PlaneArithmetic.AddIf(result, memory[bit], memory[number], result);
        }
    }

    /// <summary>What the server's number is as the client's share of the bit sees it.</summary>
    private BitPlanes Factor(GateMemory memory)
    {
        if (kind != ProductBit.Shared)
        {
            return memory[number];
        }

        BitPlanes factor = memory.Scratch.Slice(0, width);
        PlaneArithmetic.NegateIf(memory[bit], memory[number], factor);
        return factor;
    }
}
