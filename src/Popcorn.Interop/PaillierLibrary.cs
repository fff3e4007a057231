using System.Collections.ObjectModel;
using System.Text;
using Popcorn.Interop.Memory;
using Popcorn.Interop.Native;

namespace Popcorn.Interop;

/// <summary>The native library: loading, checks and kernels. Everything here is thread-safe.</summary>
public static class PaillierLibrary
{
    private const int AbiVersion = 5;
    private const int MinimumGmpVersion = 6_02_00;
    private const int KernelNameCapacity = 64;
    private const int LayoutCapacity = 256;

    private static readonly Lazy<State> Loaded = new(Load);

    /// <summary>Kernels of this build that this processor can run.</summary>
    /// <exception cref="PaillierException">The native library is missing or does not fit.</exception>
    public static IReadOnlyList<string> Kernels => Loaded.Value.Kernels;

    /// <summary>The kernel chosen by processor features, or by the environment variable POPCORN_KERNEL.</summary>
    /// <exception cref="PaillierException">The native library is missing or does not fit.</exception>
    public static string DefaultKernel => Kernels[Loaded.Value.Info.DefaultKernel];

    /// <summary>Version of the GMP library that was loaded.</summary>
    /// <exception cref="PaillierException">The native library is missing or does not fit.</exception>
    public static Version GmpVersion => ToVersion(Loaded.Value.Info.GmpVersion);

    /// <summary>
    /// The most numbers that any kernel works on at once, the same on every machine: independent products of a
    /// <see cref="ProductProgram"/> are best written in rows of so many. A key's kernel may have fewer
    /// <see cref="PaillierPublicKey.Lanes"/>.
    /// </summary>
    /// <exception cref="PaillierException">The native library is missing or does not fit.</exception>
    public static int MaxLanes => Loaded.Value.Info.MaxLanes;

    /// <summary>
    /// Memory of one ciphertext in a batch, in bytes, under a key that does not exist yet; that of a key is
    /// <see cref="PaillierPublicKey.NumberBytes"/>.
    /// </summary>
    /// <param name="keyBits">Bits of n, 1 to 4096.</param>
    /// <param name="kernel">A name out of <see cref="Kernels"/>; null for the default kernel.</param>
    /// <exception cref="PaillierException">
    /// <see cref="PaillierError.Range"/>: no key has so many bits. <see cref="PaillierError.Unsupported"/>: no such
    /// kernel, or the native library is missing or does not fit.
    /// </exception>
    public static long NumberBytes(int keyBits, string? kernel = null)
    {
        NativeStatus.Check(
            NativeMethods.NumberBytes(ResolveKernel(kernel), keyBits, out long bytes), "memory of a ciphertext");
        return bytes;
    }

    /// <summary>
    /// Loads the native library, checks ABI, structure layouts and GMP version, and runs the known-answer test of the
    /// default kernel. Every other entry point does this by itself; call it early to fail early.
    /// </summary>
    /// <exception cref="PaillierException">The native library is missing, does not fit or fails its test.</exception>
    public static void EnsureLoaded() => ResolveKernel(null);

    /// <summary>
    /// Times GMP's <c>mpz_powm</c> with a fixed 2048-bit exponent modulo a fixed 4096-bit number: the yardstick of the
    /// benches.
    /// </summary>
    /// <param name="repeats">How often, 1 or more.</param>
    /// <returns>The mean time of one exponentiation.</returns>
    public static TimeSpan MeasureReferencePowm(int repeats)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(repeats);
        EnsureLoaded();
        NativeStatus.Check(NativeMethods.ReferencePowm(repeats, out long nanoseconds), "reference exponentiation");
        return TimeSpan.FromTicks(nanoseconds / repeats / TimeSpan.NanosecondsPerTick);
    }

    /// <summary>
    /// Gives memory back to the system that keys, tables and batches had before they were disposed: the C library would
    /// keep it for the next. On Linux with glibc; elsewhere it does nothing. For a process that has nothing to do, as
    /// what is needed afterwards comes from the system anew.
    /// </summary>
    public static void ReleaseUnusedMemory() => SystemHeap.Trim();

    /// <summary>Index of a kernel (null: the default) once its known-answer test has passed.</summary>
    internal static int ResolveKernel(string? name)
    {
        State state = Loaded.Value;
        int index = name is null ? state.Info.DefaultKernel : state.Kernels.IndexOf(name);
        if (index < 0)
        {
            throw new PaillierException(
                PaillierError.Unsupported,
                $"kernel \"{name}\" is not available here; choose one of: {string.Join(", ", state.Kernels)}.");
        }

        return state.TestedKernels[index].Value;
    }

    private static State Load()
    {
        NativeLibraryResolver.Register();
        Span<int> layout = stackalloc int[LayoutCapacity];
        int count;
        try
        {
            NativeStatus.Check(NativeMethods.GetLayout(layout, layout.Length, out count), "loading the native library");
        }
        catch (EntryPointNotFoundException exception)
        {
            throw DoesNotFit("it lacks pc_get_layout", exception);
        }

        NativeLayout.Check(layout[..Math.Min(count, layout.Length)]);
        NativeStatus.Check(NativeMethods.GetInfo(out NativeLibraryInfo info), "loading the native library");
        if (info.AbiVersion != AbiVersion)
        {
            throw DoesNotFit($"it has ABI version {info.AbiVersion}, not {AbiVersion}");
        }

        if (info.GmpVersion < MinimumGmpVersion)
        {
            throw new PaillierException(
                PaillierError.Unsupported,
                $"GMP {ToVersion(info.GmpVersion)} is too old; install {ToVersion(MinimumGmpVersion)} or later.");
        }

        string[] kernels = [.. Enumerable.Range(0, info.KernelCount).Select(KernelName)];
        Lazy<int>[] tested =
            [.. Enumerable.Range(0, info.KernelCount).Select(index => new Lazy<int>(() => Test(index)))];
        return new State(info, kernels.AsReadOnly(), tested);

        int Test(int index)
        {
            NativeStatus.Check(NativeMethods.SelfTest(index), $"self-test of kernel \"{kernels[index]}\"");
            return index;
        }
    }

    private static string KernelName(int index)
    {
        Span<byte> buffer = stackalloc byte[KernelNameCapacity];
        NativeStatus.Check(NativeMethods.KernelName(index, buffer, buffer.Length), "reading a kernel's name");
        int end = buffer.IndexOf((byte)0);
        return Encoding.ASCII.GetString(end < 0 ? buffer : buffer[..end]);
    }

    internal static PaillierException DoesNotFit(string reason, Exception? cause = null) => new(
        PaillierError.Unsupported,
        $"the native library does not fit this assembly: {reason}; rebuild both with ./build.sh.",
        cause);

    private static Version ToVersion(int version) => new(version / 10000, version / 100 % 100, version % 100);

    private sealed record State(
        NativeLibraryInfo Info, ReadOnlyCollection<string> Kernels, Lazy<int>[] TestedKernels);
}
