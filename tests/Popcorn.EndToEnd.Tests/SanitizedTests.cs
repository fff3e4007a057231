using System.Diagnostics;
using System.Text.Json;
using Popcorn.Tests;

namespace Popcorn.EndToEnd.Tests;

/// <summary>
/// Whole sessions with the native library under AddressSanitizer and UndefinedBehaviorSanitizer, both parties in one
/// process and in two. The sanitizer comes before everything else in the process; the runtime keeps its own signals.
/// </summary>
public sealed class SanitizedTests : IDisposable
{
    private const string Library = "libpopcorn_native.so";
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
        foreach (string file in Directory.GetFiles(AppContext.BaseDirectory))
        {
            File.Copy(file, Path.Combine(_folder.FullName, Path.GetFileName(file)));
        }

        File.Copy(
            Path.Combine(Repository.Root, "artifacts", "native", "asan", Library),
            Path.Combine(_folder.FullName, Library), overwrite: true);
        string sanitizer = (await RunAsync("gcc", ["-print-file-name=libasan.so"], native)).Trim();
        Assert.True(File.Exists(sanitizer), "gcc has no AddressSanitizer here.");

        foreach (string model in (string[])["mnist-small", "mnist-bm1"])
        {
            string report = await PopcornAsync(
                sanitizer, "bench", "network", TestFiles.Sample($"{model}.popcorn"), "--repeat", "1", "--batch", "2");
            Assert.True(JsonDocument.Parse(report).RootElement.GetProperty("exact").GetBoolean());
        }

        string demo = await PopcornAsync(sanitizer, "demo", "--count", "2");
        Assert.Equal(2, JsonDocument.Parse(demo).RootElement.GetProperty("results").GetArrayLength());
    }

    private Task<string> PopcornAsync(string sanitizer, params string[] arguments)
    {
        // What the runtime allocates to its end is not ours to count.
        const string Options = "detect_leaks=0:handle_segv=0:handle_sigill=0:handle_sigfpe=0:handle_abort=0"
            + ":use_sigaltstack=0:verbosity=1";
        return RunAsync(
            Path.Combine(_folder.FullName, "popcorn"), [.. arguments, "--json"], _folder.FullName,
            ("LD_PRELOAD", sanitizer), ("ASAN_OPTIONS", Options), ("XDG_DATA_HOME", CommandRun.DataHome));
    }

    private static async Task<string> RunAsync(
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
        Assert.True(process.ExitCode == 0, $"{program} {string.Join(' ', arguments)}: {await error}");
        if (environment.Length > 0)
        {
            Assert.Contains("AddressSanitizer Init done", await error, StringComparison.Ordinal);
            Assert.DoesNotContain("ERROR: AddressSanitizer", await error, StringComparison.Ordinal);
            Assert.DoesNotContain("runtime error", await error, StringComparison.Ordinal);
        }

        return await output;
    }
}
