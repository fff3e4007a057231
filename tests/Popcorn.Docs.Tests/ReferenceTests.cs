using System.Text;
using System.Text.RegularExpressions;
using Popcorn.Tests;

namespace Popcorn.Docs.Tests;

/// <summary>The page of all commands says what their help says.</summary>
public partial class ReferenceTests
{
    private const string Page = "docs/COMMANDS.md";

    private const string Start = """
        # Commands

        What each command says with `--help`: a test compares, and writes this page where
        `POPCORN_WRITE_DOCS=1`. All commands but `completion` take `--json`. Exit statuses: 0 done; 1 not done, and a
        line on stderr says why; 2 the command line was not understood; 130 interrupted, where a service that SIGTERM
        ends has done what it should.

        """;

    /// <summary>Options of every command, which the beginning tells of.</summary>
    private static readonly string[] Common = ["-?, -h, --help", "--json", "--version"];

    [Fact]
    public void All_commands_stand_on_their_page()
    {
        var page = new StringBuilder(Start.ReplaceLineEndings("\n"));
        foreach (string command in CommandLine.CommandsOf(""))
        {
            Describe(page, " " + command);
        }

        string path = Path.Combine(Repository.Root, Page);
        if (Environment.GetEnvironmentVariable("POPCORN_WRITE_DOCS") == "1")
        {
            File.WriteAllText(path, page.ToString());
        }

        Assert.Equal(page.ToString(), File.ReadAllText(path));
    }

    private static void Describe(StringBuilder page, string command)
    {
        string help = CommandLine.HelpOf(command);
        IReadOnlyList<string> inner = CommandLine.CommandsOf(command);
        page.Append($"\n## popcorn{command}\n\n{Section(help, "Description").Single().Trim()}\n");
        (string Name, string What)[] rows =
        [
            .. Section(help, "Arguments").Concat(Section(help, "Options")).Select(line => Row().Match(line))
                .Select(row => (row.Groups[1].Value, Default().Replace(row.Groups[2].Value, "")))
                .Where(row => !Common.Contains(row.Item1)),
        ];
        if (rows.Length > 0)
        {
            page.Append("\n| | |\n| --- | --- |\n");
            foreach ((string name, string what) in rows)
            {
                page.Append($"| `{name.Replace("|", "\\|")}` | {what.Replace("|", "\\|").Replace("<", "&lt;")} |\n");
            }
        }

        foreach (string name in inner)
        {
            Describe(page, $"{command} {name}");
        }
    }

    /// <summary>The lines of a part of a help text.</summary>
    private static IEnumerable<string> Section(string help, string name) => help.Split('\n')
        .SkipWhile(line => line != name + ":").Skip(1).TakeWhile(line => line.Length > 0);

    [GeneratedRegex("^  (.*?)(?:  +(.*))?$")]
    private static partial Regex Row();

    // Half of this machine's memory, say.
    [GeneratedRegex(" \\[default: \\d{4,}\\]")]
    private static partial Regex Default();
}
