using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using Popcorn.ObliviousTransfer.Bits;
using Popcorn.ObliviousTransfer.Symmetric;

namespace Popcorn.ObliviousTransfer.Extension;

/// <summary>The party that holds Δ, and q of every COT.</summary>
public sealed class CotSender : CotPool
{
    private readonly SoftSpokenSender _softSpoken;
    private readonly Randomness _randomness;
    private readonly SecretArray<Block> _delta = new(1);

    internal CotSender(
        ReadOnlySpan<byte> session, int direction, FerretParameters? steady, Block delta,
        SoftSpokenSender softSpoken, Randomness randomness)
        : base(session, direction, steady)
    {
        _delta[0] = delta;
        _softSpoken = softSpoken;
        _randomness = randomness;
    }

    /// <summary>Δ, the same for all COTs of the direction; its bit 0 is 1. Secret.</summary>
    public Block Delta
    {
        get
        {
            AssertIsThere();
            return _delta[0];
        }
    }

    /// <summary>A random Δ.</summary>
    internal static Block NewDelta(Randomness randomness) => randomness.NextBlock() | Vector128.CreateScalar(1ul);

    private protected override void Extend(ReadOnlySpan<byte> received, Span<byte> sent, Span<Block> cots) =>
        _softSpoken.Extend(received, cots);

    private protected override void MakeTree(
        TreeHash hash, ReadOnlySpan<Block> cots, ReadOnlySpan<byte> received, Span<byte> sent, Span<Block> leaves) =>
        SingleChoiceTree.Send(
            hash, Delta, _randomness.NextBlock(), cots, MemoryMarshal.Cast<byte, Block>(sent), leaves);

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        base.Dispose(disposing);
        _softSpoken.Dispose();
        _delta.Dispose();
    }
}
