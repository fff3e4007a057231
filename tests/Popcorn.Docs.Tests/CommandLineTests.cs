using System.Text.RegularExpressions;

namespace Popcorn.Docs.Tests;

/// <summary>The commands and options that the documents name are there.</summary>
public partial class CommandLineTests
{
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
            : CommandLine.CommandsOf("").Contains(words[0]) && words[1].StartsWith("--", StringComparison.Ordinal)
                ? words
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
            IReadOnlyList<string> inner = CommandLine.CommandsOf(command);
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

    private static IEnumerable<string> OptionsOf(string command, bool inner = false) =>
        Option().Matches(CommandLine.HelpOf(command)).Select(match => match.Value)
            .Concat(inner
                ? CommandLine.CommandsOf(command).SelectMany(name => OptionsOf($"{command} {name}", inner))
                : []);

    [GeneratedRegex("(?<![\\w-])--[a-z][a-z-]*")]
    private static partial Regex Option();
}
