using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Security.Cryptography;
using Popcorn.ObliviousTransfer.Bits;
using Popcorn.ObliviousTransfer.Flows;

namespace Popcorn.ObliviousTransfer.Correlations;

/// <summary>A bit that a table gives for every possible number of the client's.</summary>
/// <param name="Number">The server's number, of as many planes as the client's.</param>
/// <param name="Equal">[client's = server's]; otherwise [client's &lt; server's].</param>
internal readonly record struct TableBit(Wire Number, bool Equal);

/// <summary>
/// Compares a few bits: the server writes down the answers for all numbers that the client may hold, and the client
/// reads one of them: a random transfer of one pad out of 2^m, m at most 4 (Rathee et al., CrypTFlow2, 2020). The
/// client's number is the complement of the planes that it is given.
/// </summary>
/// <remarks>
/// The server's share s is what makes entry 0 equal to its pad, so entry 0 is not sent. All that the client sees is
/// uniform for every number of the server's: the other pads and, through pad 0, the share.
/// </remarks>
/// <param name="choice">The client's number, complemented: m planes.</param>
/// <param name="bits">The bits of an entry; those of one number side by side.</param>
/// <param name="known">Whether the client knows its number in prepare.</param>
internal sealed class TableGate(Wire choice, IReadOnlyList<TableBit> bits, bool known) : Gate
{
    private const int MostEntries = 16;

    private readonly int _choiceBits = choice.Count;
    private readonly int _width = bits.Count;

    public override int ResultPlanes => _width;

    public override IReadOnlyList<PadDraw> Draws => [new(Party.Server, PadUse.OneOfMany, _choiceBits, _width)];

    public override int CorrectionPlanes => _choiceBits;

    private int Entries => 1 << _choiceBits;

    public override int TicketPlanes(Party party) =>
        party == Party.Server ? _width << _choiceBits : _width + (known ? 0 : _choiceBits);

    public override int DraftPlanes(Party party) => party == Party.Client && known ? _choiceBits : 0;

    public override int MessagePlanes(Party from) => from == Party.Server ? _width * (Entries - 1) : 0;

    public override IEnumerable<Wire> MessageInputs(Party party) =>
        party == Party.Server ? bits.Select(bit => bit.Number) : [choice];

    public override void Draw(GateMemory memory, IPadSource pads)
    {
        BitPlanes ticket = memory.TicketOf(this);
        if (memory.Self == Party.Server)
        {
            pads.Send(PadUse.OneOfMany, _choiceBits, _width, ticket);
        }
        else
        {
            pads.Receive(PadUse.OneOfMany, _choiceBits, _width, Choices(memory), ticket.Slice(0, _width));
        }
    }

    public override void WriteCorrections(GateMemory memory, BitPlanes message)
    {
        PlaneArithmetic.Xor(Choices(memory), memory[choice], message);
        PlaneArithmetic.Not(message, message);
    }

    /// <summary>The pad of number j becomes that of j ⊕ e.</summary>
    public override void ReadCorrections(GateMemory memory, BitPlanes message)
    {
        BitPlanes ticket = memory.TicketOf(this);
        for (int bit = 0; bit < _choiceBits; bit++)
        {
            for (int entry = 0; entry < Entries; entry++)
            {
                if ((entry >> bit & 1) == 0)
                {
                    PlaneArithmetic.SwapIf(
                        message.Slice(bit, 1), PadOf(ticket, entry), PadOf(ticket, entry | 1 << bit));
                }
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void Write(GateMemory memory, BitPlanes message)
    {
        PlaneVectors pads = new(memory.TicketOf(this)), table = new(message);
        Span<Vector512<ulong>> isEqual = stackalloc Vector512<ulong>[MostEntries];
        for (int bit = 0; bit < _width; bit++)
        {
            TableBit kind = bits[bit];
            PlaneVectors number = new(memory[kind.Number]);
            for (int c = 0; c < table.Columns; c++)
            {
                Expand(number, c, default, isEqual);
                Vector512<ulong> share = pads[bit, c] ^ FirstEntry(number, c, kind.Equal);
                Vector512<ulong> isLess = Vector512<ulong>.Zero;
                for (int entry = Entries - 1; entry > 0; entry--)
                {
                    Vector512<ulong> answer = kind.Equal ? isEqual[entry] : isLess;
                    isLess |= isEqual[entry];
                    table[((entry - 1) * _width) + bit, c] = answer ^ share ^ pads[(entry * _width) + bit, c];
                }
            }
        }

        CryptographicOperations.ZeroMemory(MemoryMarshal.AsBytes(isEqual));
    }

    public override void Finish(GateMemory memory)
    {
        if (memory.Self == Party.Server)
        {
            FinishServer(memory);
        }
        else
        {
            FinishClient(memory);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void FinishServer(GateMemory memory)
    {
        PlaneVectors pads = new(memory.TicketOf(this)), result = new(memory.ResultOf(this));
        for (int bit = 0; bit < _width; bit++)
        {
            PlaneVectors number = new(memory[bits[bit].Number]);
            for (int c = 0; c < result.Columns; c++)
            {
                result[bit, c] = pads[bit, c] ^ FirstEntry(number, c, bits[bit].Equal);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void FinishClient(GateMemory memory)
    {
        PlaneVectors pad = new(memory.TicketOf(this)), table = new(memory.MessageTo(this));
        PlaneVectors number = new(memory[choice]), result = new(memory.ResultOf(this));
        Span<Vector512<ulong>> isNumber = stackalloc Vector512<ulong>[MostEntries];
        for (int c = 0; c < result.Columns; c++)
        {
            Expand(number, c, Vector512<ulong>.AllBitsSet, isNumber);
            for (int bit = 0; bit < _width; bit++)
            {
                Vector512<ulong> share = pad[bit, c];
                for (int entry = 1; entry < Entries; entry++)
                {
                    share ^= isNumber[entry] & table[((entry - 1) * _width) + bit, c];
                }

                result[bit, c] = share;
            }
        }

        CryptographicOperations.ZeroMemory(MemoryMarshal.AsBytes(isNumber));
    }

    /// <summary>For each number up to 2^m whether it is the one in the planes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Expand(PlaneVectors number, int column, Vector512<ulong> flip, Span<Vector512<ulong>> isNumber)
    {
        isNumber[0] = Vector512<ulong>.AllBitsSet;
        for (int bit = 0; bit < _choiceBits; bit++)
        {
            Vector512<ulong> set = number[bit, column] ^ flip;
            for (int entry = 0; entry < 1 << bit; entry++)
            {
                isNumber[entry | 1 << bit] = isNumber[entry] & set;
                isNumber[entry] = Vector512.AndNot(isNumber[entry], set);
            }
        }
    }

    /// <summary>The answer for 0.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private Vector512<ulong> FirstEntry(PlaneVectors number, int column, bool equal)
    {
        Vector512<ulong> isPositive = number[0, column];
        for (int bit = 1; bit < _choiceBits; bit++)
        {
            isPositive |= number[bit, column];
        }

        return equal ? ~isPositive : isPositive;
    }

    private BitPlanes PadOf(BitPlanes ticket, int entry) => ticket.Slice(entry * _width, _width);

    private BitPlanes Choices(GateMemory memory) =>
        known ? memory.DraftOf(this) : memory.TicketOf(this).Slice(_width, _choiceBits);
}
