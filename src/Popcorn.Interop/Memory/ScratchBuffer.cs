using System.Runtime.InteropServices;

namespace Popcorn.Interop.Memory;

/// <summary>Aligned native memory for the registers of a running program.</summary>
internal sealed unsafe class ScratchBuffer() : SafeHandle(0, ownsHandle: true)
{
    private const int Alignment = 64;
    private long _length;

    public override bool IsInvalid => handle == 0;

    internal byte* Pointer => (byte*)handle;

    /// <summary>Makes room for <paramref name="length"/> bytes; the contents are forgotten when it grows.</summary>
    internal void EnsureLength(long length)
    {
        // The native library takes no null, not even from a program that needs no room.
        length = Math.Max(length, Alignment);
        if (length <= _length)
        {
            return;
        }

        NativeMemory.AlignedFree(Pointer);
        SetHandle(0);
        _length = 0;
        SetHandle((nint)NativeMemory.AlignedAlloc((nuint)length, Alignment));
        _length = length;
    }

    protected override bool ReleaseHandle()
    {
        NativeMemory.AlignedFree(Pointer);
        return true;
    }
}
