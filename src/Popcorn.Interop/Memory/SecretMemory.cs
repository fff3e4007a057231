using System.Runtime.InteropServices;

namespace Popcorn.Interop.Memory;

/// <summary>Where the memory of secrets comes from: outside the collector's heap, and used again where it is large.
/// </summary>
internal static unsafe class SecretMemory
{
    /// <summary>The C library keeps what is smaller itself.</summary>
    private const long LeastKept = 1L << 16;

    private static readonly KeptMemory<nint> Kept = new(memory => NativeMemory.Free((void*)memory));

    /// <summary>Zeros.</summary>
    /// <param name="bytes">How many.</param>
    /// <param name="kept">For <see cref="Release"/>.</param>
    internal static nint Allocate(long bytes, out long kept)
    {
        if (bytes >= LeastKept && Kept.TryTake(bytes, out nint memory, out kept))
        {
            return memory;
        }

        kept = bytes >= LeastKept ? bytes : 0;
        return (nint)NativeMemory.AllocZeroed((nuint)bytes);
    }

    /// <summary>Takes memory back that has been wiped.</summary>
    internal static void Release(nint memory, long kept)
    {
        if (kept > 0)
        {
            Kept.Give(memory, kept);
        }
        else
        {
            NativeMemory.Free((void*)memory);
        }
    }
}
