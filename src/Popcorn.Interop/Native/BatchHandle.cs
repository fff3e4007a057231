using System.Runtime.InteropServices;

namespace Popcorn.Interop.Native;

/// <summary>Owns one reference to a <c>pc_batch</c>: a row of ciphertexts, which holds on to its public key.</summary>
internal sealed class BatchHandle() : SafeHandle(0, ownsHandle: true)
{
    public override bool IsInvalid => handle == 0;

    protected override bool ReleaseHandle() => NativeMethods.BatchFree(handle) == 0;
}
