using System.CommandLine;
using System.Diagnostics;
using System.Text.Json;

namespace Popcorn.Bench;

/// <summary>The popcorn command, which measures whole inferences in a process of its own: its memory is then theirs.
/// </summary>
/// <param name="Path">Where it is.</param>
internal sealed record PopcornCommand(string Path)
{
    /// <summary>Names the command.</summary>
    public static Option<string> PathOption() => new("--popcorn")
    {
        Description = "The command to measure with.",
        DefaultValueFactory = _ => System.IO.Path.Combine("artifacts", "popcorn", "popcorn"),
        HelpName = "FILE",
    };

    /// <summary>Runs it with <c>--json</c>.</summary>
    /// <returns>What it reports.</returns>
    /// <exception cref="IOException">It is not there, or failed; it has said why.</exception>
    public JsonElement Run(params string[] arguments)
    {
        if (!File.Exists(Path))
        {
            throw new IOException($"{Path} is not there; run ./build.sh first, or name it with --popcorn.");
        }

        var start = new ProcessStartInfo(Path, [.. arguments, "--json"]) { RedirectStandardOutput = true };
        using Process process = Process.Start(start) ?? throw new IOException($"{Path} did not start.");
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        if (process.ExitCode != 0)
        {
            throw new IOException($"{Path} {string.Join(' ', arguments)} failed.");
        }

        using JsonDocument report = JsonDocument.Parse(output);
        return report.RootElement.Clone();
    }
}
