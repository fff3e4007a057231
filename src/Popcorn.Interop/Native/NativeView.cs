using System.Runtime.InteropServices;

namespace Popcorn.Interop.Native;

/// <summary><c>pc_view</c></summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct NativeView
{
    public nint Batch;
    public int* Positions;
    public int Stride;
    public int Taps;
}
