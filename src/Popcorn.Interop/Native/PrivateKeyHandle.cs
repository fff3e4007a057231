using System.Runtime.InteropServices;

namespace Popcorn.Interop.Native;

/// <summary>Owns one reference to a <c>pc_private</c>: a private key, wiped when freed.</summary>
internal sealed class PrivateKeyHandle() : SafeHandle(0, ownsHandle: true)
{
    public override bool IsInvalid => handle == 0;

    protected override bool ReleaseHandle() => NativeMethods.PrivateFree(handle) == 0;
}
