using Popcorn.ObliviousTransfer.Comparisons;

namespace Popcorn.ObliviousTransfer.Tests.Comparisons;

/// <summary>Operations on plain integers.</summary>
internal static class PlainResults
{
    /// <summary>The lowest bits of a number as a signed one.</summary>
    public static Int128 Signed(ulong x, int bits) => (long)(x << (64 - bits)) >> (64 - bits);

    /// <summary>The result modulo 2^K.</summary>
    /// <param name="operation">Which.</param>
    /// <param name="operands">Sums of both parties' shares.</param>
    /// <param name="cap">The server's.</param>
    public static ulong Of(Operation operation, ReadOnlySpan<ulong> operands, ulong cap = 0)
    {
        Int128 x = Signed(operands[0], operation.OperandBits);
        Int128 positive = Int128.Max(x, 0);
        Int128 result = operation switch
        {
            Relu { SaturationBits: { } saturation } relu =>
                Int128.Min(Shifted(positive, relu.Shift), (Int128.One << saturation) - 1),
            Relu relu => Shifted(positive, relu.Shift),
            Sign => x >= 0 ? 1 : 0,
            Maximum => Int128.Max(x, Signed(operands[1], operation.OperandBits)),
            Clip clip => Shifted(Int128.Min(positive, Shifted(cap, clip.Shift) << clip.Shift), clip.Shift),
            SignedShift shift => x >> shift.Shift,
            AnyOf => Any(operands),
            Choose => (ulong)x % 2 == 0 ? 0 : (Int128)operands[1],
            Square => (ulong)x * (ulong)x,
            _ => throw new ArgumentException("no such operation", nameof(operation)),
        };
        return (ulong)result & BothParties.Mask(operation.ResultBits);
    }

    private static Int128 Shifted(Int128 x, int shift) => shift >= 127 ? 0 : x >> shift;

    private static Int128 Any(ReadOnlySpan<ulong> operands)
    {
        ulong any = 0;
        foreach (ulong operand in operands)
        {
            any |= operand & 1;
        }

        return any;
    }
}
