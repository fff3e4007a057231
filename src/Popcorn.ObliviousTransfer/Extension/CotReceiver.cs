using System.Runtime.InteropServices;
using Popcorn.ObliviousTransfer.Symmetric;

namespace Popcorn.ObliviousTransfer.Extension;

/// <summary>The party that holds t of every COT, and as its bit 0 a random choice.</summary>
public sealed class CotReceiver : CotPool
{
    private readonly SoftSpokenReceiver _softSpoken;

    internal CotReceiver(
        ReadOnlySpan<byte> session, int direction, FerretParameters? steady, SoftSpokenReceiver softSpoken)
        : base(session, direction, steady) => _softSpoken = softSpoken;

    private protected override void Extend(ReadOnlySpan<byte> received, Span<byte> sent, Span<Block> cots) =>
        _softSpoken.Extend(sent, cots);

    private protected override void MakeTree(
        TreeHash hash, ReadOnlySpan<Block> cots, ReadOnlySpan<byte> received, Span<byte> sent, Span<Block> leaves) =>
        SingleChoiceTree.Receive(hash, cots, MemoryMarshal.Cast<byte, Block>(received), leaves);

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        base.Dispose(disposing);
        _softSpoken.Dispose();
    }
}
