using Popcorn.ObliviousTransfer.Correlations;

namespace Popcorn.ObliviousTransfer.Comparisons;

/// <summary>
/// Where an operation's inputs stand: the share of the result that the client chose, shares of every operand, and the
/// server's cap. A party leaves empty what it has not.
/// </summary>
internal readonly struct OperationInputs(Operation operation)
{
    private readonly int _resultBits = operation.ResultBits;
    private readonly int _bits = operation.Bits;
    private readonly int _operands = operation.Operands;
    private readonly int _capBits = operation is Clip clip ? clip.CapBits : 0;

    /// <summary>Planes of all of them.</summary>
    public int Planes => _resultBits + (_operands * _bits) + _capBits;

    /// <summary>The client's share of the result.</summary>
    public Wire Share => new(Wire.Input, 0, _resultBits);

    /// <summary>The server's cap.</summary>
    public Wire Cap => new(Wire.Input, _resultBits + (_operands * _bits), _capBits);

    /// <summary>Shares of an operand.</summary>
    public Wire Operand(int operand) => new(Wire.Input, _resultBits + (operand * _bits), _bits);
}
