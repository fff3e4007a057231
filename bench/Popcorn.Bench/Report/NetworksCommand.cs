using System.CommandLine;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Popcorn.Cli.Kernels;

namespace Popcorn.Bench.Report;

/// <summary><c>--networks</c>: measures whole inferences and writes them into docs/PERFORMANCE.md, with charts.</summary>
internal static class NetworksCommand
{
    private const string Begin = "<!-- figures: ./build.sh bench --networks -->";

    /// <summary>A network that takes longer is measured once, over no link, unless all is asked for.</summary>
    private const double LongSeconds = 40;

    /// <summary>Short inferences are made several times: the first is slowed down by what is still being compiled.</summary>
    private const double ShortSeconds = 5;

    private const string Repeats = "5";

    private static readonly (string Name, string[] Options)[] Links =
    [
        ("LAN", ["--delay", "0.25", "--bandwidth", "1000"]),
        ("WAN", ["--delay", "20", "--bandwidth", "100"]),
    ];

    public static Command Create()
    {
        var models = new Argument<string[]>("models")
        {
            Description = "Integer networks, made by popcorn import.",
            HelpName = "M.popcorn",
            Arity = ArgumentArity.OneOrMore,
        };
        Option<string> popcorn = PopcornCommand.PathOption();
        var path = new Option<string>("--into")
        {
            Description = $"Document with the line '{Begin}'; what follows it is replaced, the charts go beside it.",
            DefaultValueFactory = _ => Path.Combine("docs", "PERFORMANCE.md"),
            HelpName = "FILE",
        };
        var all = new Option<bool>("--all")
        {
            Description = $"Networks that take more than {LongSeconds} s on one thread and over links too.",
        };
        var command = new Command("--networks", "Measure whole inferences and write the figures into a document.")
        {
            models, popcorn, path, all,
        };
        command.SetAction(parsed => Run(
            parsed.GetRequiredValue(models), new PopcornCommand(parsed.GetRequiredValue(popcorn)),
            parsed.GetRequiredValue(path), parsed.GetValue(all)));
        return command;
    }

    private static int Run(string[] models, PopcornCommand popcorn, string path, bool all)
    {
        Row[] rows = Array.ConvertAll(models, model => Measure(popcorn, model, all));
        string folder = Path.GetDirectoryName(path) ?? "";
        var seconds = new BarChart(
            "Seconds for one inference", ["measured", "predicted"],
            [.. rows.Select(row => (row.Name, (IReadOnlyList<double>)[row.Value("seconds"), row.Value("predictedSeconds")]))]);
        var bytes = new BarChart(
            "Megabytes for one inference", ["up", "down"],
            [.. rows.Select(row => (row.Name, (IReadOnlyList<double>)[row.Value("bytesUp") / 1e6, row.Value("bytesDown") / 1e6]))]);
        File.WriteAllText(Path.Combine(folder, "networks-seconds.svg"), seconds.ToSvg());
        File.WriteAllText(Path.Combine(folder, "networks-bytes.svg"), bytes.ToSvg());
        string text = Describe(rows);
        Console.Write(text);
        return FiguresDocument.TryReplace(path, Begin, text) ? 0 : 1;
    }

    private static Row Measure(PopcornCommand popcorn, string model, bool all)
    {
        Console.Error.WriteLine(model);
        string[] once = ["bench", "network", model];
        JsonElement report = popcorn.Run(once);
        double first = report.GetProperty("seconds").GetDouble();
        string[] often = first <= ShortSeconds ? [.. once, "--repeat", Repeats] : once;
        report = first <= ShortSeconds ? popcorn.Run(often) : report;
        bool others = all || first <= LongSeconds;
        JsonElement inspection = popcorn.Run("inspect", model);
        return new Row(
            Path.GetFileNameWithoutExtension(model),
            report,
            inspection.GetProperty("layers").EnumerateArray().Sum(layer => layer.GetProperty("nnz").GetInt64()),
            others ? Seconds([.. often, "--threads", "1"]) : null,
            [.. Links.Select(link => others ? Seconds([.. often, .. link.Options]) : (double?)null)]);

        double Seconds(string[] arguments) => popcorn.Run(arguments).GetProperty("seconds").GetDouble();
    }

    private static string Describe(Row[] rows)
    {
        var text = new StringBuilder();
        Line($"{Machine.Name} ({Machine.Key}), {Environment.ProcessorCount} cores, {DateTime.UtcNow:yyyy-MM-dd}; keys of 2048 bits, kernel {rows[0].Report.GetProperty("isa")}.");
        Line($"");
        Line($"| network | seconds | predicted | server | client | one thread | {string.Join(" | ", Links.Select(link => link.Name))} | exact |");
        Line($"| --- | ---: | ---: | ---: | ---: | ---: |{string.Concat(Links.Select(_ => " ---: |"))} --- |");
        foreach (Row row in rows)
        {
            Line($"| {row.Name} | {row.Number("seconds")} | {row.Number("predictedSeconds")} | {row.Number("serverSeconds")} | {row.Number("clientSeconds")} | {Number(row.OneThread)} | {string.Join(" | ", row.OverLinks.Select(Number))} | {(row.Report.GetProperty("exact").GetBoolean() ? "yes" : "NO")} |");
        }

        Line($"");
        Line($"| network | non-zero weights | products | up, MB | down, MB | rounds | memory, MB |");
        Line($"| --- | ---: | ---: | ---: | ---: | ---: | ---: |");
        foreach (Row row in rows)
        {
            Line($"| {row.Name} | {row.Nnz:N0} | {row.Value("products"):N0} | {row.Number("bytesUp", 1e6)} | {row.Number("bytesDown", 1e6)} | {row.Value("rounds")} | {row.Value("peakMemoryBytes") / 1e6:N0} |");
        }

        Line($"");
        Line($"![Seconds, measured and predicted](networks-seconds.svg)");
        Line($"![Megabytes, up and down](networks-bytes.svg)");
        return text.ToString();

        void Line(FormattableString line) => text.Append(line.ToString(CultureInfo.InvariantCulture)).Append('\n');
    }

    private static string Number(double? value) =>
        value?.ToString(value < 10 ? "0.00" : "0.0", CultureInfo.InvariantCulture) ?? "";

    /// <summary>A network's figures.</summary>
    private sealed record Row(string Name, JsonElement Report, long Nnz, double? OneThread, double?[] OverLinks)
    {
        public double Value(string name) => Report.GetProperty(name).GetDouble();

        public string Number(string name, double unit = 1) => NetworksCommand.Number(Value(name) / unit);
    }
}
