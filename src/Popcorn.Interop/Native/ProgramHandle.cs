using System.Runtime.InteropServices;

namespace Popcorn.Interop.Native;

/// <summary>Owns one reference to a <c>pc_program</c>: a straight-line program of products.</summary>
internal sealed class ProgramHandle() : SafeHandle(0, ownsHandle: true)
{
    public override bool IsInvalid => handle == 0;

    protected override bool ReleaseHandle() => NativeMethods.ProgramFree(handle) == 0;
}
