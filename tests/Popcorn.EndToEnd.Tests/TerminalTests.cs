using System.Diagnostics;
using System.Text.RegularExpressions;

namespace Popcorn.EndToEnd.Tests;

/// <summary>What people see of the command in a terminal of eighty columns, and what their shell completes.</summary>
public sealed partial class TerminalTests : IDisposable
{
    private const int Columns = 80;

    private readonly TestFiles _files = new();

    public void Dispose() => _files.Dispose();

    [Theory]
    [InlineData("inspect mnist-small.popcorn")]
    [InlineData("inspect mnist-bm3.popcorn --family blinded")]
    [InlineData("inspect mnist-bm3.popcorn --family shares")]
    [InlineData("import mnist-small.onnx --out OUT")]
    [InlineData("import mnist-small.onnx --out OUT --data mnist-100-images.idx3-ubyte --limit 3 --sensitivity")]
    [InlineData("eval mnist-small.popcorn --data mnist-100-images.idx3-ubyte")]
    [InlineData("bench network mnist-small.popcorn --repeat 1 --key-order short")]
    [InlineData("doctor")]
    public async Task Eighty_columns_break_no_word(string line)
    {
        string[] arguments = [.. line.Split(' ').Select(word =>
            word == "OUT" ? _files["out"] : File.Exists(TestFiles.Sample(word)) ? TestFiles.Sample(word) : word)];
        await AssertFits(arguments);
    }

    [Fact]
    public async Task Predictions_break_no_word_either()
    {
        await using RunningServer server = await RunningServer.StartAsync(TestFiles.Sample("mnist-small.popcorn"));
        await AssertFits(
            "infer", "--server", server.Url, "--model", "mnist-small", "--image",
            TestFiles.Sample("mnist-100-images.idx3-ubyte"), "--index", "0-2");
    }

    [ToolFact("script")]
    public async Task A_terminal_is_kept_to_and_sees_no_colours()
    {
        string shown = await CommandRun.OtherAsync(
            "script", "", "-qec", $"stty cols {Columns}; TERM=xterm-256color '{CommandRun.Executable}' doctor",
            "/dev/null");
        Assert.Contains("measured times", shown, StringComparison.Ordinal);
        Assert.DoesNotMatch(Colour(), shown);
        AssertLines(shown);
    }

    [ToolTheory("bash")]
    [InlineData("popcorn ins", "inspect")]
    [InlineData("popcorn bench n", "network")]
    [InlineData("popcorn infer --family ", "blinded shares")]
    [InlineData("popcorn infer --max-r", "--max-rounds")]
    [InlineData("popcorn completion ", "bash fish pwsh zsh")]
    [InlineData("popcorn inspect ", "")]
    public async Task Bash_completes(string line, string expected) => Assert.Equal(
        expected,
        await CompleteAsync("bash", $"""
            COMP_LINE='{line}' COMP_POINT={line.Length} COMP_WORDS=({line} {(line.EndsWith(' ') ? "''" : "")})
            COMP_CWORD=$(({"${#COMP_WORDS[@]}"} - 1))
            complete -p popcorn | grep -q 'default -F _popcorn' || exit 3
            _popcorn popcorn
            echo "{"${COMPREPLY[*]}"}"
            """));

    [ToolTheory("zsh")]
    [InlineData("popcorn ins", "inspect")]
    [InlineData("popcorn infer --family ", "blinded shares")]
    [InlineData("popcorn inspect ", "files")]
    public async Task Zsh_completes(string line, string expected) => Assert.Equal(
        expected,
        await CompleteAsync("zsh", $$"""
            BUFFER='{{line}}' CURSOR={{line.Length}} PREFIX='{{line[(line.LastIndexOf(' ') + 1)..]}}'
            words=({{line}})
            compadd() { shift; (( $# )) && echo "$@" }
            _files() { echo files }
            _popcorn
            """, "compdef() { : }"));

    [ToolTheory("fish")]
    [InlineData("popcorn ins", "inspect")]
    [InlineData("popcorn infer --max-r", "--max-rounds")]
    public async Task Fish_completes(string line, string expected) =>
        Assert.Equal(expected, await CompleteAsync("fish", $"complete -C '{line}'"));

    [ToolTheory("pwsh")]
    [InlineData("popcorn ins", "inspect")]
    [InlineData("popcorn infer --family ", "blinded shares")]
    public async Task PowerShell_completes(string line, string expected) => Assert.Equal(
        expected,
        await CompleteAsync(
            "pwsh", $"(TabExpansion2 '{line}' {line.Length}).CompletionMatches.CompletionText -join ' '"));

    /// <summary>Runs a shell with its script of completion, then some lines.</summary>
    private async Task<string> CompleteAsync(string shell, string lines, string before = "")
    {
        CommandRun script = await CommandRun.Of("completion", shell);
        Assert.Equal("", script.Error);
        string folder = Path.GetDirectoryName(CommandRun.Executable)!;
        string path = shell switch
        {
            "fish" => $"set -x PATH '{folder}' $PATH",
            "pwsh" => $"$env:PATH = '{folder}' + [IO.Path]::PathSeparator + $env:PATH",
            _ => $"PATH='{folder}':$PATH",
        };
        string file = _files.Bytes(
            shell == "pwsh" ? "script.ps1" : "script",
            System.Text.Encoding.UTF8.GetBytes($"{path}\n{before}\n{script.Out}\n{lines}\n"));
        return (await CommandRun.OtherAsync(shell, _files[""], file)).Trim();
    }

    private static async Task AssertFits(params string[] arguments)
    {
        using Process process = CommandRun.StartIn(
            new Dictionary<string, string?> { ["COLUMNS"] = $"{Columns}" }, arguments);
        CommandRun narrow = await CommandRun.ToEnd(process);
        Assert.True(narrow.ExitCode == 0, narrow.Error);
        CommandRun wide = await CommandRun.Of(arguments);
        Assert.Equal(0, wide.ExitCode);
        HashSet<string> whole = [.. Words(wide.Out)];
        Assert.True(Words(narrow.Out).Count() > 5);
        Assert.DoesNotMatch(Colour(), narrow.Out);
        AssertLines(narrow.Out);
        Assert.All(Words(narrow.Out), word => Assert.True(word.Contains('…') || whole.Contains(word), word));
    }

    /// <summary>No line is longer than the terminal is wide, unless a path in it is.</summary>
    private static void AssertLines(string text) => Assert.All(
        text.ReplaceLineEndings("\n").Split('\n'),
        line => Assert.True(line.Length <= Columns || line.Split(' ')[^1] is ['/', ..] and { Length: > Columns / 2 },
            line));

    /// <summary>The words of a text without units; figures are all the same: both differ from run to run.</summary>
    private static IEnumerable<string> Words(string text) => text
        .Split((char[])[' ', '\n', '\r'], StringSplitOptions.RemoveEmptyEntries)
        .Where(word => word.Trim('-').Length > 0 && !Unit().IsMatch(word))
        .Select(word => Figure().Replace(word, "0"));

    [GeneratedRegex(@"^\(?(ns|µs|ms|s|min|h|B|kB|MB|GB|TB)\)?[.,;:]?$")]
    private static partial Regex Unit();

    [GeneratedRegex(@"\d[\d.,]*\d|\d")]
    private static partial Regex Figure();

    [GeneratedRegex(@"\x1b\[[0-9;]*m")]
    private static partial Regex Colour();

    /// <summary>A test that needs a program, and is skipped where there is none.</summary>
    [AttributeUsage(AttributeTargets.Method)]
    private sealed class ToolFactAttribute : FactAttribute
    {
        public ToolFactAttribute(string tool) => Skip = WhyNot(tool);
    }

    [AttributeUsage(AttributeTargets.Method)]
    private sealed class ToolTheoryAttribute : TheoryAttribute
    {
        public ToolTheoryAttribute(string tool) => Skip = WhyNot(tool);
    }

    private static string? WhyNot(string tool) => !OperatingSystem.IsWindows()
        && (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator)
            .Any(folder => File.Exists(Path.Combine(folder, tool))) ? null : $"There is no {tool} here.";
}
