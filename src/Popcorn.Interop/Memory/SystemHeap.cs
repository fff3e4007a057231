using System.Runtime.InteropServices;

namespace Popcorn.Interop.Memory;

/// <summary>The C library's memory: it keeps what was freed for the next who asks, by some hundred megabytes.</summary>
internal static partial class SystemHeap
{
    /// <summary>Gives free memory back to the system, where the C library can be asked to.</summary>
    internal static void Trim()
    {
        if (!OperatingSystem.IsLinux())
        {
            return;
        }

        try
        {
            _ = Trim(0);
        }
        catch (Exception e) when (e is DllNotFoundException or EntryPointNotFoundException)
        {
            // Another C library, such as musl, which keeps less.
        }
    }

    [LibraryImport("libc.so.6", EntryPoint = "malloc_trim")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int Trim(nuint pad);
}
