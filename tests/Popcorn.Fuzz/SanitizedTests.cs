using System.Diagnostics;
using Popcorn.Tests;

namespace Popcorn.Fuzz;

/// <summary>
/// Whole sessions, honest and mutated ones, with the native library under AddressSanitizer and
/// UndefinedBehaviorSanitizer. The sanitizer comes before everything else in the process; the runtime keeps its own
/// signals.
/// </summary>
public sealed class SanitizedTests : IDisposable
{
    private const string Library = "libpopcorn_native.so";

    /// <summary>What the runtime holds to its end is not ours to count.</summary>
    private const string Options = "detect_leaks=0:handle_segv=0:handle_sigill=0:handle_sigfpe=0:handle_abort=0"
        + ":use_sigaltstack=0:help=1";

    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(15);

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("popcorn-sanitized-");

    public void Dispose() => _folder.Delete(recursive: true);

    [SlowFact]
    public async Task Sessions_are_clean()
    {
        if (!OperatingSystem.IsLinux())
        {
            return;
        }

        string native = Path.Combine(Repository.Root, "native");
        await RunAsync("cmake", ["--preset", "asan"], native);
        await RunAsync("cmake", ["--build", "--preset", "asan", "--target", "popcorn_native"], native);
        foreach (string file in Directory.GetFiles(AppContext.BaseDirectory, "*", SearchOption.AllDirectories))
        {
            string copy = Path.Combine(_folder.FullName, Path.GetRelativePath(AppContext.BaseDirectory, file));
            Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
            File.Copy(file, copy);
        }

        File.Copy(
            Path.Combine(Repository.Root, "artifacts", "native", "asan", Library),
            Path.Combine(_folder.FullName, Library), overwrite: true);
        string sanitizer = (await RunAsync("gcc", ["-print-file-name=libasan.so"], native)).Out.Trim();
        Assert.True(File.Exists(sanitizer), "gcc has no AddressSanitizer here.");

        // Each begins with recorded sessions of every kind of round.
        (string report, string error) = await RunAsync(
            Path.Combine(_folder.FullName, "Popcorn.Fuzz"),
            [
                "--seconds", "60", "--target", "client-session", "server-session", "ciphertexts", "public-key",
                "private-key", "--slow", "60", "--save-in", _folder.FullName,
            ],
            _folder.FullName, ("LD_PRELOAD", sanitizer), ("ASAN_OPTIONS", Options));
        Assert.Contains(", 0 findings", report.Split('\n')[^2], StringComparison.Ordinal);
        Assert.Contains("Available flags for AddressSanitizer", error, StringComparison.Ordinal);
        Assert.DoesNotContain("ERROR: AddressSanitizer", error, StringComparison.Ordinal);
        Assert.DoesNotContain("runtime error", error, StringComparison.Ordinal);
    }

    private static async Task<(string Out, string Error)> RunAsync(
        string program, string[] arguments, string folder, params (string Name, string Value)[] environment)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            WorkingDirectory = folder,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach ((string name, string value) in environment)
        {
            start.Environment[name] = value;
        }

        using Process process = Process.Start(start)!;
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        Task<string> error = process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync().WaitAsync(Patience);
        Assert.True(process.ExitCode == 0, $"{program} {string.Join(' ', arguments)}: {await output} {await error}");
        return (await output, await error);
    }
}
