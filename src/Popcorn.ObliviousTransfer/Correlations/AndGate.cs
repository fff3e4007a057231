using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Popcorn.ObliviousTransfer.Bits;
using Popcorn.ObliviousTransfer.Flows;

namespace Popcorn.ObliviousTransfer.Correlations;

/// <summary>
/// x·y for one or two y, each added (XOR) to a bit if wanted, by a triple of random bits (a; b; c = a·b) shared between
/// the parties (Beaver 1991): both open x ⊕ a and y ⊕ b. The same x takes one a for both y.
/// </summary>
/// <remarks>
/// The triple is made of one random transfer in each direction: a is the choice as receiver, b the XOR of both pads as
/// sender, so that what one party sends is the cross term of the other's choice.
/// </remarks>
/// <param name="x">A bit.</param>
/// <param name="factors">Each y and what is added to the product; null: nothing.</param>
internal sealed class AndGate(Wire x, params (Wire Y, Wire? Addend)[] factors) : Gate
{
    private readonly int _width = factors.Length;

    public override int ResultPlanes => _width;

    public override IReadOnlyList<PadDraw> Draws { get; } =
        [new(Party.Server, PadUse.Triple, 1, factors.Length), new(Party.Client, PadUse.Triple, 1, factors.Length)];

    public override int ScratchPlanes => 3 * _width;

    /// <summary>a, every b, every c.</summary>
    public override int TicketPlanes(Party party) => 1 + (2 * _width);

    public override int MessagePlanes(Party from) => 1 + _width;

    public override IEnumerable<Wire> MessageInputs(Party party) => factors.Select(factor => factor.Y).Prepend(x);

    public override IEnumerable<Wire> ResultInputs(Party party) =>
        MessageInputs(party).Concat(factors.Where(factor => factor.Addend.HasValue).Select(f => f.Addend!.Value));

    public override void Draw(GateMemory memory, IPadSource pads)
    {
        BitPlanes ticket = memory.TicketOf(this), a = ticket.Slice(0, 1);
        BitPlanes b = ticket.Slice(1, _width), c = ticket.Slice(1 + _width, _width);
        BitPlanes sent = memory.Scratch.Slice(0, 2 * _width), received = memory.Scratch.Slice(2 * _width, _width);
        foreach (PadDraw draw in Draws)
        {
            if (draw.Sender == memory.Self)
            {
                pads.Send(draw.Use, 1, _width, sent);
            }
            else
            {
                pads.Receive(draw.Use, 1, _width, a, received);
            }
        }

        BitPlanes first = sent.Slice(0, _width);
        PlaneArithmetic.Xor(first, sent.Slice(_width, _width), b);
        PlaneArithmetic.Xor(first, received, c);
        AddProduct(a, b, c);
    }

    public override void Write(GateMemory memory, BitPlanes message)
    {
        BitPlanes ticket = memory.TicketOf(this);
        PlaneArithmetic.Xor(memory[x], ticket.Slice(0, 1), message.Slice(0, 1));
        for (int i = 0; i < _width; i++)
        {
            PlaneArithmetic.Xor(memory[factors[i].Y], ticket.Slice(1 + i, 1), message.Slice(1 + i, 1));
        }
    }

    /// <summary>c ⊕ (x ⊕ a)·b ⊕ (y ⊕ b)·a, and one of the two adds (x ⊕ a)·(y ⊕ b).</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void Finish(GateMemory memory)
    {
        PlaneVectors ticket = new(memory.TicketOf(this)), other = new(memory.MessageTo(this));
        PlaneVectors result = new(memory.ResultOf(this)), ownX = new(memory[x]);
        Vector512<ulong> adds = memory.Self == Party.Server ? Vector512<ulong>.AllBitsSet : Vector512<ulong>.Zero;
        for (int i = 0; i < _width; i++)
        {
            PlaneVectors ownY = new(memory[factors[i].Y]);
            for (int column = 0; column < result.Columns; column++)
            {
                Vector512<ulong> a = ticket[0, column], b = ticket[1 + i, column];
                Vector512<ulong> openX = ownX[0, column] ^ a ^ other[0, column];
                Vector512<ulong> openY = ownY[0, column] ^ b ^ other[1 + i, column];
                result[i, column] = ticket[1 + _width + i, column] ^ (openX & b) ^ (openY & (a ^ (openX & adds)));
            }

            if (factors[i].Addend is { } addend)
            {
                BitPlanes product = memory.ResultOf(this).Slice(i, 1);
                PlaneArithmetic.Xor(product, memory[addend], product);
            }
        }
    }

    private static void AddProduct(BitPlanes bit, BitPlanes factors, BitPlanes sums)
    {
        PlaneVectors x = new(bit), y = new(factors), to = new(sums);
        for (int p = 0; p < to.Count; p++)
        {
            for (int c = 0; c < to.Columns; c++)
            {
                to[p, c] ^= x[0, c] & y[p, c];
            }
        }
    }
}
