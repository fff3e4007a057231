using System.Runtime.InteropServices;

namespace Popcorn.Interop.Native;

/// <summary>Owns one reference to a <c>pc_public</c>: a public key and its arithmetic.</summary>
internal sealed class PublicKeyHandle() : SafeHandle(0, ownsHandle: true)
{
    public override bool IsInvalid => handle == 0;

    protected override bool ReleaseHandle() => NativeMethods.PublicFree(handle) == 0;
}
