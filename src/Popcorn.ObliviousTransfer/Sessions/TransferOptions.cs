using Popcorn.ObliviousTransfer.Extension;

namespace Popcorn.ObliviousTransfer.Sessions;

/// <summary>What both parties of a connection must have alike.</summary>
/// <param name="Silent">
/// The set of the silent extension that a connection settles on; the larger it is, the fewer bits a COT costs and the
/// more memory it takes (some 18 MB a direction and party for <see cref="FerretParameters.Depth13"/>). Null: SoftSpoken
/// alone, 31 bits a COT and little memory: for up to some 70,000 of them.
/// </param>
public sealed record TransferOptions(FerretParameters? Silent)
{
    /// <summary>Silent, with the fewest bits a COT.</summary>
    public static TransferOptions Default { get; } = new(FerretParameters.Depth13);

    /// <summary>SoftSpoken alone.</summary>
    public static TransferOptions Short { get; } = new((FerretParameters?)null);
}
