using Popcorn.ObliviousTransfer.Bits;
using Popcorn.ObliviousTransfer.Correlations;

namespace Popcorn.ObliviousTransfer.Comparisons;

/// <summary>
/// Where an operation's inputs stand: the share of the result that the client chose, shares of every operand, and the
/// server's cap. A party leaves empty what it has not.
/// </summary>
internal readonly struct OperationInputs(Operation operation)
{
    private readonly int _resultBits = operation.ResultBits;
    private readonly int _bits = operation.OperandBits;
    private readonly int _operands = operation.Operands;
    private readonly int _capBits = operation is Clip clip ? clip.CapBits : 0;

    /// <summary>Planes of all of them.</summary>
    public int Planes => ClientPlanes + _capBits;

    /// <summary>Planes of those that the client has: the first ones.</summary>
    public int ClientPlanes => _resultBits + (_operands * _bits);

    /// <summary>The client's share of the result.</summary>
    public Wire Share => new(Wire.Input, 0, _resultBits);

    /// <summary>The server's cap.</summary>
    public Wire Cap => new(Wire.Input, ClientPlanes, _capBits);

    /// <summary>Shares of an operand; of a maximum p − q and q.</summary>
    public Wire Operand(int operand) => new(Wire.Input, _resultBits + (operand * _bits), _bits);

    /// <summary>Brings a party's shares of the operands to where they stand.</summary>
    /// <param name="shares">Of all items the first operand, then the second, and so on.</param>
    /// <param name="inputs">All inputs that the party has.</param>
    public void Load(ReadOnlySpan<ulong> shares, BitPlanes inputs)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(shares.Length, _operands * inputs.Items, nameof(shares));
        for (int i = 0; i < _operands; i++)
        {
            Wire operand = Operand(i);
            PlaneTranspose.ToPlanes(
                shares.Slice(i * inputs.Items, inputs.Items), inputs.Slice(operand.First, operand.Count));
        }

        if (operation is Maximum)
        {
            BitPlanes difference = inputs.Slice(Operand(0).First, _bits);
            PlaneArithmetic.Subtract(difference, inputs.Slice(Operand(1).First, _bits), difference);
        }
    }

    /// <summary>Brings the server's caps to where they stand.</summary>
    /// <param name="caps">One an item; of operations without caps none.</param>
    /// <param name="inputs">All inputs.</param>
    public void LoadCaps(ReadOnlySpan<ulong> caps, BitPlanes inputs)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(caps.Length, _capBits > 0 ? inputs.Items : 0, nameof(caps));
        ulong all = 0;
        foreach (ulong cap in caps)
        {
            all |= cap;
        }

        if (all >> _capBits != 0)
        {
            throw new ArgumentException($"a cap is not below 2^{_capBits}", nameof(caps));
        }

        if (_capBits > 0)
        {
            PlaneTranspose.ToPlanes(caps, inputs.Slice(Cap.First, _capBits));
        }
    }
}
