namespace Popcorn.Interop.Native;

/// <summary>
/// Owns one reference to a <c>pc_encryptor</c>: fixed-base tables, wiped when freed if they are
/// secret.
/// </summary>
internal sealed class EncryptorHandle : HeavyHandle
{
    protected override bool Free() => NativeMethods.EncryptorFree(handle) == 0;
}
