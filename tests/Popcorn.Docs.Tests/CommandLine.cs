using System.Collections.Concurrent;
using System.Diagnostics;
using System.Text.RegularExpressions;

namespace Popcorn.Docs.Tests;

/// <summary>What the command says of itself.</summary>
internal static partial class CommandLine
{
    private static readonly string Executable = Path.Combine(
        AppContext.BaseDirectory, OperatingSystem.IsWindows() ? "popcorn.exe" : "popcorn");

    private static readonly ConcurrentDictionary<string, string> Helps = new();

    /// <summary>The commands within a command, as its help lists them.</summary>
    /// <param name="command">Its words, each behind a space; none: all commands.</param>
    public static IReadOnlyList<string> CommandsOf(string command) =>
        [.. Commands().Match(HelpOf(command)).Groups[1].Captures.Select(name => name.Value)];

    /// <summary>The help of a command.</summary>
    public static string HelpOf(string command) => Helps.GetOrAdd(command, static words =>
    {
        string[] arguments = [.. words.Split(' ', StringSplitOptions.RemoveEmptyEntries), "--help"];
        using var process = Process.Start(
            new ProcessStartInfo(Executable, arguments) { RedirectStandardOutput = true })!;
        string help = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Assert.Equal(0, process.ExitCode);
        return help.ReplaceLineEndings("\n");
    });

    [GeneratedRegex("^Commands:\n(?:  (\\S+).*\n)*", RegexOptions.Multiline)]
    private static partial Regex Commands();
}
