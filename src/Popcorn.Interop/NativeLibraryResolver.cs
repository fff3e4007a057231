using System.Reflection;
using System.Runtime.InteropServices;
using Popcorn.Interop.Native;

namespace Popcorn.Interop;

/// <summary>Finds the native library beside the application, in a package, or where the system looks.</summary>
internal static class NativeLibraryResolver
{
    internal static void Register() =>
        NativeLibrary.SetDllImportResolver(typeof(NativeLibraryResolver).Assembly, Resolve);

    private static nint Resolve(string name, Assembly assembly, DllImportSearchPath? searchPath)
    {
        if (name != NativeMethods.Library)
        {
            return 0;
        }

        string file = OperatingSystem.IsWindows() ? $"{name}.dll"
            : OperatingSystem.IsMacOS() ? $"lib{name}.dylib"
            : $"lib{name}.so";
        string home = AppContext.BaseDirectory;
        string packaged = Path.Combine(home, "runtimes", RuntimeInformation.RuntimeIdentifier, "native", file);
        if (NativeLibrary.TryLoad(Path.Combine(home, file), out nint library)
            || NativeLibrary.TryLoad(packaged, out library)
            || NativeLibrary.TryLoad(file, assembly, searchPath, out library))
        {
            return library;
        }

        throw new PaillierException(
            PaillierError.Unsupported,
            $"{file} for {RuntimeInformation.RuntimeIdentifier}, or the GMP that it needs, cannot be loaded from " +
            $"{home}, runtimes/{RuntimeInformation.RuntimeIdentifier}/native or the system's library path; " +
            "build both for this system with ./build.sh and lay them there.");
    }
}
