using Popcorn.ObliviousTransfer.Bits;
using Popcorn.ObliviousTransfer.Flows;

namespace Popcorn.ObliviousTransfer.Correlations;

/// <summary>The XOR of bits, complemented if wanted: each party for itself.</summary>
/// <param name="complement">Whether the result is flipped; the server does it.</param>
/// <param name="bits">Planes.</param>
internal sealed class XorGate(bool complement, params Wire[] bits) : Gate
{
    public override int ResultPlanes => 1;

    public override IEnumerable<Wire> MessageInputs(Party party) => bits;

    public override void Finish(GateMemory memory)
    {
        BitPlanes result = memory.ResultOf(this);
        memory[bits[0]].Span.CopyTo(result.Span);
        foreach (Wire bit in bits.AsSpan(1))
        {
            PlaneArithmetic.Xor(result, memory[bit], result);
        }

        if (complement && memory.Self == Party.Server)
        {
            PlaneArithmetic.Not(result, result);
        }
    }
}

/// <summary>A summand: ± planes·2^shift.</summary>
/// <param name="Number">The planes.</param>
/// <param name="Shift">0 or more.</param>
/// <param name="Negative">Whether it is subtracted.</param>
/// <param name="ServerOnly">Whether the client leaves it out: the number is the server's alone.</param>
internal readonly record struct Term(Wire Number, int Shift = 0, bool Negative = false, bool ServerOnly = false);

/// <summary>A sum of numbers modulo 2^width: each party for itself.</summary>
/// <param name="width">Planes of the result.</param>
/// <param name="constant">What the server adds.</param>
/// <param name="terms">The summands.</param>
internal sealed class SumGate(int width, ulong constant, params Term[] terms) : Gate
{
    public override int ResultPlanes => width;

    public override IEnumerable<Wire> MessageInputs(Party party) => terms.Select(term => term.Number);

    public override void Finish(GateMemory memory)
    {
        BitPlanes result = memory.ResultOf(this);
        result.Span.Clear();
        foreach (Term term in terms)
        {
            if (memory.Self == Party.Server || !term.ServerOnly)
            {
                PlaneArithmetic.AddShifted(result, memory[term.Number], term.Shift, term.Negative, result);
            }
        }

        if (constant != 0 && memory.Self == Party.Server)
        {
            PlaneArithmetic.AddConstant(result, constant, result);
        }
    }
}
