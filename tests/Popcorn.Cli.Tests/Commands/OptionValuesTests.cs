using System.CommandLine;
using System.Globalization;

namespace Popcorn.Cli.Tests.Commands;

public sealed class OptionValuesTests
{
    private static readonly Type[] Numbers = [typeof(int), typeof(double), typeof(double[])];

    [Theory]
    [InlineData("0,5")]
    [InlineData("1,000")]
    [InlineData("124,116,104")]
    [InlineData("1.000,5")]
    [InlineData("1'000")]
    [InlineData("NaN")]
    [InlineData("1e999")]
    [InlineData("half")]
    public void Every_option_refuses_what_is_no_number_or_several_and_says_what_to_write(string word)
    {
        int tried = 0;
        foreach ((string[] path, Symbol symbol) in Symbols().Where(each => each.Symbol is Option option
            && Numbers.Contains(option.ValueType)))
        {
            string error = Assert.Single(ErrorsOf(symbol, [.. path, symbol.Name, word]));
            Assert.StartsWith($"{symbol.Name} {word} is no ", error, StringComparison.Ordinal);
            Assert.Contains("; write ", error, StringComparison.Ordinal);
            tried++;
        }

        Assert.True(tried > 40, $"{tried}");
    }

    [Theory]
    [InlineData("")]
    [InlineData(" ")]
    [InlineData("\t")]
    [InlineData("a\0")]
    public void Every_option_and_argument_refuses_what_is_empty_by_its_name(string word)
    {
        foreach ((string[] path, Symbol symbol) in Symbols().Where(
            each => each.Symbol is not Option option || option.Arity.MinimumNumberOfValues > 0))
        {
            // Two of them come together or not at all.
            string[] others = symbol.Name switch
            {
                "--jwt-audience" => ["--jwt-key", "k"],
                "--jwt-authority" or "--jwt-key" => ["--jwt-audience", "a"],
                _ => [],
            };
            string[] line = symbol is Option ? [.. path, .. others, symbol.Name, word] : [.. path, word];
            string[] errors = ErrorsOf(symbol, line);
            Assert.True(errors is [string error] && error.Contains("is empty", StringComparison.Ordinal),
                $"{string.Join(' ', line)}: {string.Join(" / ", errors)}");
        }
    }

    [Fact]
    public void Numbers_are_read_with_a_point_whatever_the_user_s_language_writes()
    {
        CultureInfo before = CultureInfo.CurrentCulture;
        var comma = (CultureInfo)CultureInfo.InvariantCulture.Clone();
        (comma.NumberFormat.NumberDecimalSeparator, comma.NumberFormat.NumberGroupSeparator) = (",", ".");
        CultureInfo.CurrentCulture = comma;
        try
        {
            ParseResult parsed = Program.Root.Parse(
                [
                    "import", "m.onnx", "--out", "m.popcorn", "--input-scale", "0.5", "--mean", "-0.25", "1e-3", "124",
                    "--sparsity", "0.75", "--weight-bits", "8", "--label-offset", "-1",
                ]);
            Assert.Empty(parsed.Errors);
            Assert.Equal(0.5, parsed.GetValue<double>("--input-scale"));
            Assert.Equal([-0.25, 1e-3, 124], parsed.GetValue<double[]>("--mean")!);
            Assert.Equal(0.75, parsed.GetValue<double>("--sparsity"));
            Assert.Equal(8, parsed.GetValue<int>("--weight-bits"));
            Assert.Equal(-1, parsed.GetValue<int>("--label-offset"));
        }
        finally
        {
            CultureInfo.CurrentCulture = before;
        }
    }

    [Fact]
    public void Days_are_written_in_one_way()
    {
        string[] token = ["token", "a", "--clients", "f", "--until"];
        Assert.Equal(
            new DateOnly(2030, 3, 4), Program.Root.Parse([.. token, "2030-03-04"]).GetValue<DateOnly?>("--until"));
        foreach (string day in (string[])["03/04/2030", "4.3.2030", "2030-3-4", "2030-13-01", "soon"])
        {
            Assert.Equal(
                [$"--until {day} is no day; write it as 2030-12-31."],
                Program.Root.Parse([.. token, day]).Errors.Select(error => error.Message));
        }
    }

    /// <summary>What all commands take, with the words that lead to each command.</summary>
    private static IEnumerable<(string[] Path, Symbol Symbol)> Symbols()
    {
        var waiting = new Queue<(string[] Path, Command Command)>([([], Program.Root)]);
        while (waiting.TryDequeue(out (string[] Path, Command Command) next))
        {
            foreach (Symbol symbol in next.Command.Options.Concat<Symbol>(next.Command.Arguments))
            {
                yield return (next.Path, symbol);
            }

            foreach (Command below in next.Command.Subcommands)
            {
                waiting.Enqueue(([.. next.Path, below.Name], below));
            }
        }
    }

    private static string[] ErrorsOf(Symbol symbol, string[] line) =>
    [
        .. Program.Root.Parse(line).Errors.Select(error => error.Message).Where(
            message => message.StartsWith($"{symbol.Name} ", StringComparison.Ordinal)
                || message.Contains($"'{symbol.Name}'", StringComparison.Ordinal)),
    ];
}
