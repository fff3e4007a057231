namespace Popcorn.ObliviousTransfer.Extension;

/// <summary>
/// Sizes of a silent extension: from K + t·d COTs it makes t·2^d. The receiver's choices are a random vector of K bits
/// times a sparse public code, plus t positions, one in each stretch of 2^d: learning parity with regular noise.
/// <para>
/// The sets are those of emp-ot (its tuning.h, 2026), estimated there for 128 bits against the attacks known: Gauss,
/// information-set decoding, algebraic attacks on regular noise (Briaud and Øygarden 2023 and its successors) and the
/// hybrid attack, which binds. Sets published earlier (t 4971, K 124,000; t 2507, K 238,000) fall short of that. An
/// attacker gains with more outputs: fewer trees than t are always safe, more never are.
/// </para>
/// </summary>
/// <param name="Trees">t.</param>
/// <param name="LogSecret">log₂ K.</param>
/// <param name="Depth">d.</param>
public sealed record FerretParameters(int Trees, int LogSecret, int Depth)
{
    /// <summary>870,400 COTs of 74,036: what a connection begins with.</summary>
    public static FerretParameters Depth10 { get; } = new(850, 16, 10);

    /// <summary>2,396,160 COTs of 143,942.</summary>
    public static FerretParameters Depth11 { get; } = new(1170, 17, 11);

    /// <summary>6,225,920 COTs of 280,384.</summary>
    public static FerretParameters Depth12 { get; } = new(1520, 18, 12);

    /// <summary>15,564,800 COTs of 548,988: the fewest bits a COT.</summary>
    public static FerretParameters Depth13 { get; } = new(1900, 19, 13);

    /// <summary>All of them.</summary>
    public static IReadOnlyList<FerretParameters> All { get; } = [Depth10, Depth11, Depth12, Depth13];

    /// <summary>K, bits of the secret vector.</summary>
    public int Secret => 1 << LogSecret;

    /// <summary>2^d, COTs that a tree makes.</summary>
    public int Leaves => 1 << Depth;

    /// <summary>COTs that it takes; all are spent, also those of trees that are not run.</summary>
    public int Consumed => Secret + (Trees * Depth);

    /// <summary>COTs that it makes.</summary>
    public int Outputs => Trees * Leaves;

    /// <summary>Bytes that a tree costs, from sender to receiver.</summary>
    public int TreeBytes => 16 * Depth;
}
