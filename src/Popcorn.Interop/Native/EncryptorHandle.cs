using System.Runtime.InteropServices;

namespace Popcorn.Interop.Native;

/// <summary>
/// Owns one reference to a <c>pc_encryptor</c>: fixed-base tables, wiped when freed if they are
/// secret.
/// </summary>
internal sealed class EncryptorHandle() : SafeHandle(0, ownsHandle: true)
{
    public override bool IsInvalid => handle == 0;

    protected override bool ReleaseHandle() => NativeMethods.EncryptorFree(handle) == 0;
}
