namespace Popcorn.ObliviousTransfer.Comparisons;

/// <summary>
/// What is computed on integers x that a client and a server share: x = a + b modulo 2^k, read as signed. The result is
/// shared modulo 2^K, and the client's share of it is the one that it chose beforehand. All results are exact.
/// </summary>
/// <param name="Bits">k, 1 to 64.</param>
/// <param name="ResultBits">K, 1 to 64.</param>
public abstract record Operation(int Bits, int ResultBits)
{
    /// <summary>
    /// Whether the client knows its shares in prepare. Otherwise its corrections travel in the query, in a flow of
    /// their own before all others.
    /// </summary>
    public bool ShareKnown { get; init; } = true;

    /// <summary>
    /// Levels of ANDs that the comparison takes; null: as few as there can be, and one more as long as it saves more
    /// than a byte an item.
    /// </summary>
    public int? Depth { get; init; }

    /// <summary>What its tree is best at.</summary>
    public TreeGoal Goal { get; init; }

    /// <summary>Numbers that each party has a share of, for an item.</summary>
    public virtual int Operands => 1;

    /// <summary>Operands are shared modulo 2 to this power: k but where the operation says otherwise.</summary>
    public virtual int OperandBits => Bits;
}

/// <summary>max(x, 0) ≫ t, and if wanted no more than 2^A − 1.</summary>
/// <param name="Bits">k.</param>
/// <param name="Shift">t, 0 or more.</param>
/// <param name="ResultBits">K.</param>
/// <param name="SaturationBits">A, 1 or more; null: without a limit.</param>
public sealed record Relu(int Bits, int Shift, int ResultBits, int? SaturationBits = null)
    : Operation(Bits, ResultBits);

/// <summary>[x ≥ 0].</summary>
/// <param name="Bits">k.</param>
/// <param name="ResultBits">K.</param>
public sealed record Sign(int Bits, int ResultBits) : Operation(Bits, ResultBits);

/// <summary>
/// The greater of two numbers whose difference is less than 2^(k−1) in magnitude. The numbers may be larger: with K
/// above k they are shared modulo 2^K, and what is compared is still their difference's lowest k bits.
/// </summary>
/// <param name="Bits">k.</param>
/// <param name="ResultBits">K.</param>
public sealed record Maximum(int Bits, int ResultBits) : Operation(Bits, ResultBits)
{
    /// <inheritdoc/>
    public override int Operands => 2;

    /// <inheritdoc/>
    public override int OperandBits => Math.Max(Bits, ResultBits);
}

/// <summary>
/// min(max(x, 0), C) ≫ t for a cap C that only the server knows, one for each item; |x − C| less than 2^(k−1).
/// </summary>
/// <param name="Bits">k.</param>
/// <param name="Shift">t, 0 or more.</param>
/// <param name="ResultBits">K.</param>
/// <param name="CapBits">Every cap is below 2^CapBits: 1 to k − 1.</param>
public sealed record Clip(int Bits, int Shift, int ResultBits, int CapBits) : Operation(Bits, ResultBits);

/// <summary>⌊x / 2^t⌋ of a number |x| &lt; 2^(k−2).</summary>
/// <param name="Bits">k, 2 or more.</param>
/// <param name="Shift">t, 0 to k − 2.</param>
/// <param name="ResultBits">K.</param>
public sealed record SignedShift(int Bits, int Shift, int ResultBits) : Operation(Bits, ResultBits);

/// <summary>
/// The OR of bits, each shared as a number 0 or 1 modulo any power of two, of which the lowest bits' XOR is the bit. Of
/// a single bit: the same bit in another ring.
/// </summary>
/// <param name="Count">How many bits, 1 or more.</param>
/// <param name="ResultBits">K.</param>
public sealed record AnyOf(int Count, int ResultBits) : Operation(1, ResultBits)
{
    /// <inheritdoc/>
    public override int Operands => Count;
}

/// <summary>
/// A number where a bit is 1, else 0: the first operand is the bit, shared as for <see cref="AnyOf"/>, the second the
/// number.
/// </summary>
/// <param name="Bits">k.</param>
/// <param name="ResultBits">K, at most k.</param>
public sealed record Choose(int Bits, int ResultBits) : Operation(Bits, ResultBits)
{
    /// <inheritdoc/>
    public override int Operands => 2;
}

/// <summary>x² modulo 2^k.</summary>
/// <param name="Bits">k, which is K too.</param>
public sealed record Square(int Bits) : Operation(Bits, Bits);
