using System.Collections.Concurrent;
using System.Diagnostics;
using System.Text.RegularExpressions;

namespace Popcorn.Docs.Tests;

/// <summary>The commands and options that the documents name are there.</summary>
public partial class CommandLineTests
{
    private static readonly string Executable = Path.Combine(
        AppContext.BaseDirectory, OperatingSystem.IsWindows() ? "popcorn.exe" : "popcorn");

    private static readonly ConcurrentDictionary<string, string> Helps = new();

    public static TheoryData<string> Documents => [.. Document.All.Select(document => document.Path)];

    [Theory]
    [MemberData(nameof(Documents))]
    public void Commands_and_options_exist(string path)
    {
        Document document = Document.All.Single(document => document.Path == path);
        (int Line, string Text)[] commands =
        [
            .. document.Blocks.Where(block => block.Language.Length == 0)
                .SelectMany(block => block.Text.Split('\n').Select((text, i) => (Line: block.Line + i, Text: text))),
            .. document.Spans.Select(span => (span.Line, span.Text)),
        ];
        HashSet<string> all = [.. OptionsOf("", inner: true)];
        string[] problems = [.. commands.SelectMany(command => ProblemsOf(command.Text)
            .Concat(path == "README.md" && command.Text.StartsWith("--", StringComparison.Ordinal)
                    && !all.Contains(command.Text.Split(' ')[0])
                ? ["no command has this option"]
                : [])
            .Select(problem => $"{path}({command.Line}): {command.Text}: {problem}"))];
        Assert.True(problems.Length == 0, string.Join('\n', problems));
        Assert.True(path != "README.md" || commands.Count(command => Words(command.Text) is not null) >= 5);
    }

    /// <summary>The words of a command line after the name of the command; none of other code.</summary>
    private static string[]? Words(string text)
    {
        string[] words = text.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        return words.Length < 2 ? null
            : words[0] is "popcorn" or "artifacts/popcorn/popcorn" ? words[1..]
            : CommandsOf("").Contains(words[0]) && words[1].StartsWith("--", StringComparison.Ordinal) ? words
            : null;
    }

    private static IEnumerable<string> ProblemsOf(string text)
    {
        if (Words(text) is not string[] words)
        {
            yield break;
        }

        string command = "";
        foreach (string word in words)
        {
            IReadOnlyList<string> inner = CommandsOf(command);
            if (inner.Count == 0 || word.StartsWith('-') || word.StartsWith('['))
            {
                break;
            }

            if (!inner.Contains(word))
            {
                yield return $"there is no command 'popcorn{command} {word}'";
                yield break;
            }

            command += " " + word;
        }

        foreach (string option in Option().Matches(text).Select(match => match.Value).Except(OptionsOf(command)))
        {
            yield return $"'popcorn{command}' has no option {option}";
        }
    }

    /// <summary>The commands within a command, as its help lists them.</summary>
    private static IReadOnlyList<string> CommandsOf(string command) =>
        [.. Commands().Match(HelpOf(command)).Groups[1].Captures.Select(name => name.Value)];

    private static IEnumerable<string> OptionsOf(string command, bool inner = false) =>
        Option().Matches(HelpOf(command)).Select(match => match.Value)
            .Concat(inner ? CommandsOf(command).SelectMany(name => OptionsOf($"{command} {name}", inner)) : []);

    private static string HelpOf(string command) => Helps.GetOrAdd(command, static words =>
    {
        string[] arguments = [.. words.Split(' ', StringSplitOptions.RemoveEmptyEntries), "--help"];
        using var process = Process.Start(
            new ProcessStartInfo(Executable, arguments) { RedirectStandardOutput = true })!;
        string help = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Assert.Equal(0, process.ExitCode);
        return help.ReplaceLineEndings("\n");
    });

    [GeneratedRegex("(?<![\\w-])--[a-z][a-z-]*")]
    private static partial Regex Option();

    [GeneratedRegex("^Commands:\n(?:  (\\S+).*\n)*", RegexOptions.Multiline)]
    private static partial Regex Commands();
}
