using System.Runtime.InteropServices;

namespace Popcorn.Interop.Native;

/// <summary><c>pc_view</c> of <c>popcorn.h</c>, field for field; addresses as numbers.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct NativeView
{
    internal nint Batch;
    internal nint Positions;
    internal int Stride;
    internal int Taps;
}
