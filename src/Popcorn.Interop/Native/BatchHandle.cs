namespace Popcorn.Interop.Native;

/// <summary>Owns one reference to a <c>pc_batch</c>: a row of ciphertexts, which holds on to its public key.</summary>
internal sealed class BatchHandle : HeavyHandle
{
    protected override bool Free() => NativeMethods.BatchFree(handle) == 0;
}
