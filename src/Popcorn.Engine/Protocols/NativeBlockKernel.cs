using System.Runtime.Intrinsics;
using Popcorn.Interop;
using Popcorn.ObliviousTransfer.Symmetric;

namespace Popcorn.Engine.Protocols;

/// <summary>Gives transfers the vectors of the native library, where this processor has them.</summary>
internal sealed class NativeBlockKernel : BlockKernel
{
    private NativeBlockKernel()
    {
    }

    /// <summary>From now on transfers use them, if they are there.</summary>
    public static void Use()
    {
        if (Current is null && NativeBlocks.IsSupported)
        {
            Current = new NativeBlockKernel();
        }
    }

    /// <inheritdoc/>
    public override void SendTree(
        ReadOnlySpan<Vector128<ulong>> roundKeys, Vector128<ulong> delta, Vector128<ulong> first,
        ReadOnlySpan<Vector128<ulong>> cots, Span<Vector128<ulong>> corrections, Span<Vector128<ulong>> leaves) =>
        NativeBlocks.SendTree(roundKeys, delta, first, cots, corrections, leaves);

    /// <inheritdoc/>
    public override void ReceiveTree(
        ReadOnlySpan<Vector128<ulong>> roundKeys, ReadOnlySpan<Vector128<ulong>> cots,
        ReadOnlySpan<Vector128<ulong>> corrections, Span<Vector128<ulong>> leaves) =>
        NativeBlocks.ReceiveTree(roundKeys, cots, corrections, leaves);

    /// <inheritdoc/>
    public override void AddCode(
        ReadOnlySpan<Vector128<ulong>> roundKeys, ReadOnlySpan<Vector128<ulong>> secret, ulong first,
        Span<Vector128<ulong>> outputs) =>
        NativeBlocks.AddCode(roundKeys, secret, first, outputs);

    /// <inheritdoc/>
    public override void HashPads(
        ReadOnlySpan<Vector128<ulong>> roundKeys, Span<Vector128<ulong>> blocks, ulong first, ulong step) =>
        NativeBlocks.HashPads(roundKeys, blocks, first, step);

    /// <inheritdoc/>
    public override void MakePads(
        ReadOnlySpan<Vector128<ulong>> roundKeys, ReadOnlySpan<Vector128<ulong>> cots, int choiceBits,
        ReadOnlySpan<Vector128<ulong>> multiples, int width, ulong first, Span<ulong> words) =>
        NativeBlocks.MakePads(roundKeys, cots, choiceBits, multiples, width, first, words);
}
