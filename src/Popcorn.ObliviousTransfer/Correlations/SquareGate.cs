using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Popcorn.ObliviousTransfer.Bits;
using Popcorn.ObliviousTransfer.Flows;

namespace Popcorn.ObliviousTransfer.Correlations;

/// <summary>
/// (a + b)² modulo 2^K: a² and b² are local, and a·b is needed modulo 2^(K−1). In prepare the client's a (or, where it
/// is not known yet, a random a₀) is multiplied by a random b₀ of the server's, bit by bit (Gilboa 1999); in the query
/// the server sends b − b₀ (the client a − a₀), and a·b = a₀·b₀ + a₀·(b − b₀) + (a − a₀)·b.
/// </summary>
/// <param name="number">K planes of input, K at least 2.</param>
/// <param name="known">Whether the client knows its share in prepare.</param>
internal sealed class SquareGate(Wire number, bool known) : Gate
{
    /// <summary>Bits of the product.</summary>
    private readonly int _width = number.Count - 1;

    public override int ResultPlanes => number.Count;

    /// <summary>Bit i of a times b₀ is needed modulo 2^(K−1−i).</summary>
    public override IReadOnlyList<PadDraw> Draws => [.. Enumerable.Range(0, _width)
        .Select(i => new PadDraw(Party.Server, PadUse.Product, 1, _width - i))];

    public override int CorrectionPlanes => known ? _width : 0;

    public override int PreparedPlanes => PadPlanes;

    public override int ScratchPlanes => number.Count + _width;

    private int PadPlanes => _width * (_width + 1) / 2;

    /// <summary>Server: b₀, its share of a₀·b₀. Client: its share; a₀ where that is not a.</summary>
    public override int TicketPlanes(Party party) => party == Party.Server || !known ? 2 * _width : _width;

    /// <summary>Server: both pads of each bit. Client: its choices and pads.</summary>
    public override int DraftPlanes(Party party) => party == Party.Server ? 2 * PadPlanes : _width + PadPlanes;

    public override int MessagePlanes(Party from) => from == Party.Server || !known ? _width : 0;

    public override IEnumerable<Wire> MessageInputs(Party party) => [number];

    public override void Draw(GateMemory memory, IPadSource pads)
    {
        BitPlanes draft = memory.DraftOf(this), ticket = memory.TicketOf(this);
        for (int i = 0; i < _width; i++)
        {
            if (memory.Self == Party.Server)
            {
                pads.Send(PadUse.Product, 1, _width - i, PadsOf(draft, i));
            }
            else
            {
                pads.Receive(PadUse.Product, 1, _width - i, draft.Slice(i, 1), PadOf(draft, i));
            }
        }

        if (memory.Self == Party.Server)
        {
            RandomNumberGenerator.Fill(MemoryMarshal.AsBytes(ticket.Slice(0, _width).Span));
        }
        else if (!known)
        {
            draft.Slice(0, _width).Span.CopyTo(ticket.Slice(_width, _width).Span);
        }
    }

    /// <summary>From now on the choices are the bits of a.</summary>
    public override void WriteCorrections(GateMemory memory, BitPlanes message)
    {
        BitPlanes choices = memory.DraftOf(this).Slice(0, _width), bits = memory[number.Slice(0, _width)];
        PlaneArithmetic.Xor(choices, bits, message);
        bits.Span.CopyTo(choices.Span);
    }

    public override void ReadCorrections(GateMemory memory, BitPlanes message)
    {
        BitPlanes draft = memory.DraftOf(this);
        for (int i = 0; i < _width; i++)
        {
            BitPlanes pads = PadsOf(draft, i);
            PlaneArithmetic.SwapIf(message.Slice(i, 1), pads.Slice(0, _width - i), pads.Slice(_width - i, _width - i));
        }
    }

    /// <summary>For each bit b₀ + q₀ − q₁; the server's share is −q₀.</summary>
    public override void WritePrepared(GateMemory memory, BitPlanes message)
    {
        BitPlanes draft = memory.DraftOf(this), ticket = memory.TicketOf(this);
        BitPlanes factor = ticket.Slice(0, _width), share = ticket.Slice(_width, _width);
        share.Span.Clear();
        for (int i = 0; i < _width; i++)
        {
            BitPlanes pads = PadsOf(draft, i), to = message.Slice(FirstPad(i), _width - i);
            BitPlanes first = pads.Slice(0, _width - i);
            PlaneArithmetic.Subtract(first, pads.Slice(_width - i, _width - i), to);
            PlaneArithmetic.Add(to, factor, to);
            PlaneArithmetic.AddShifted(share, first, i, true, share);
        }
    }

    public override void ReadPrepared(GateMemory memory, BitPlanes message)
    {
        BitPlanes draft = memory.DraftOf(this), share = memory.TicketOf(this).Slice(0, _width);
        share.Span.Clear();
        for (int i = 0; i < _width; i++)
        {
            BitPlanes pad = PadOf(draft, i);
            PlaneArithmetic.AddIf(pad, draft.Slice(i, 1), message.Slice(FirstPad(i), _width - i), pad);
            PlaneArithmetic.AddShifted(share, pad, i, false, share);
        }
    }

    public override void Write(GateMemory memory, BitPlanes message)
    {
        int factor = memory.Self == Party.Server ? 0 : _width;
        PlaneArithmetic.Subtract(memory[number], memory.TicketOf(this).Slice(factor, _width), message);
    }

    public override void Finish(GateMemory memory)
    {
        BitPlanes ticket = memory.TicketOf(this), own = memory[number], result = memory.ResultOf(this);
        BitPlanes product = memory.Scratch.Slice(0, _width), square = memory.Scratch.Slice(_width, number.Count);
        BitPlanes share = memory.Self == Party.Server ? ticket.Slice(_width, _width) : ticket.Slice(0, _width);
        bool multiplies = memory.Self == Party.Client || !known;
        BitPlanes factor = memory.Self == Party.Client && !known ? ticket.Slice(_width, _width) : own;
        PlaneArithmetic.Multiply(own, own, square);
        if (multiplies)
        {
            PlaneArithmetic.Multiply(factor, memory.MessageTo(this), product);
            PlaneArithmetic.AddShifted(square, product, 1, false, square);
        }

        PlaneArithmetic.AddShifted(square, share, 1, false, result);
    }

    private int FirstPad(int bit) => (bit * _width) - (bit * (bit - 1) / 2);

    private BitPlanes PadsOf(BitPlanes draft, int bit) => draft.Slice(2 * FirstPad(bit), 2 * (_width - bit));

    private BitPlanes PadOf(BitPlanes draft, int bit) => draft.Slice(_width + FirstPad(bit), _width - bit);
}
