using System.Runtime.InteropServices;

namespace Popcorn.Interop.Native;

/// <summary><c>pc_info</c> of <c>popcorn.h</c>, field for field.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct NativeLibraryInfo
{
    internal int AbiVersion;
    internal int GmpVersion;
    internal int KernelCount;
    internal int DefaultKernel;
    internal int MaxLanes;
}
