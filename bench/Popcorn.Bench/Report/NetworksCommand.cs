using System.CommandLine;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Popcorn.Cli.Measurement;

namespace Popcorn.Bench.Report;

/// <summary><c>--networks</c>: measures whole inferences and writes them into docs/PERFORMANCE.md, with charts.
/// </summary>
internal static class NetworksCommand
{
    private const string Begin = "<!-- figures: ./build.sh bench --networks -->";

    /// <summary>A network that takes longer is measured once, over no link, unless all is asked for.</summary>
    private const double LongSeconds = 40;

    /// <summary>Networks of so many outputs count from a class of everything else.</summary>
    private const int ClassesWithBackground = 1001;

    /// <summary>Test sets by the shape of their images; the last one's are scaled to what a network takes.</summary>
    private static readonly (string Option, string Input)[] TestSets =
    [
        ("--mnist", "1x28x28"), ("--cifar10", "3x32x32"), ("--imagenet", "any other shape"),
    ];

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
        Option<string?>[] testSets = Array.ConvertAll(TestSets, set => new Option<string?>(set.Option)
        {
            Description = $"Test set for the accuracy of networks with an input of {set.Input}.",
            HelpName = "FILE|DIR",
        });
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
        foreach (Option testSet in testSets)
        {
            command.Add(testSet);
        }

        command.SetAction(parsed => Run(
            parsed.GetRequiredValue(models), new PopcornCommand(parsed.GetRequiredValue(popcorn)),
            parsed.GetRequiredValue(path), parsed.GetValue(all), Array.ConvertAll(testSets, parsed.GetValue)));
        return command;
    }

    private static int Run(string[] models, PopcornCommand popcorn, string path, bool all, string?[] testSets)
    {
        Row[] rows = Array.ConvertAll(models, model => Measure(popcorn, model, all, testSets));
        string folder = Path.GetDirectoryName(path) ?? "";
        var seconds = new BarChart(
            "Seconds for one inference", ["measured", "predicted"],
            [.. rows.Select(row => row.Bars("seconds", "predictedSeconds", 1))]);
        var bytes = new BarChart(
            "Megabytes for one inference", ["up", "down"],
            [.. rows.Select(row => row.Bars("bytesUp", "bytesDown", 1e6))]);
        File.WriteAllText(Path.Combine(folder, "networks-seconds.svg"), seconds.ToSvg());
        File.WriteAllText(Path.Combine(folder, "networks-bytes.svg"), bytes.ToSvg());
        string text = Describe(rows);
        Console.Write(text);
        return FiguresDocument.TryReplace(path, Begin, text) ? 0 : 1;
    }

    private static Row Measure(PopcornCommand popcorn, string model, bool all, string?[] testSets)
    {
        Console.Error.WriteLine(model);
        string[] bench = ["bench", "network", model];
        JsonElement report = popcorn.Run(bench);
        bool others = all || report.GetProperty("seconds").GetDouble() <= LongSeconds;
        JsonElement inspection = popcorn.Run("inspect", model);
        return new Row(
            Path.GetFileNameWithoutExtension(model),
            report,
            inspection.GetProperty("layers").EnumerateArray().Sum(layer => layer.GetProperty("nnz").GetInt64()),
            AccuracyOf(popcorn, model, inspection, testSets),
            others ? Seconds([.. bench, "--threads", "1"]) : null,
            [.. Links.Select(link => others ? Seconds([.. bench, .. link.Options]) : (double?)null)]);

        double Seconds(string[] arguments) => popcorn.Run(arguments).GetProperty("seconds").GetDouble();
    }

    /// <summary>Of the test set for inputs of the network's shape; null without one.</summary>
    private static double? AccuracyOf(
        PopcornCommand popcorn, string model, JsonElement inspection, string?[] testSets)
    {
        string input = inspection.GetProperty("input").GetString()!;
        int set = Array.FindIndex(TestSets, candidate => candidate.Input == input);
        if (testSets[set < 0 ? ^1 : set] is not string path)
        {
            return null;
        }

        int classes = inspection.GetProperty("layers").EnumerateArray().Last().GetProperty("outputs").GetInt32();
        string[] offset = classes == ClassesWithBackground ? ["--label-offset", "1"] : [];
        return popcorn.Run(["eval", model, "--data", path, .. offset]).GetProperty("accuracy").GetDouble();
    }

    private static string Describe(Row[] rows)
    {
        var text = new StringBuilder();
        Line(
            $"{Machine.Name} ({Machine.Key}), {Environment.ProcessorCount} cores, {DateTime.UtcNow:yyyy-MM-dd}; ",
            $"keys of 2048 bits, kernel {rows[0].Report.GetProperty("isa")}.");
        Line($"");
        Line(
            $"| network | seconds | predicted | server | client | one thread |",
            $" {string.Join(" | ", Links.Select(link => link.Name))} | exact |");
        Line($"| --- | ---: | ---: | ---: | ---: | ---: |{string.Concat(Links.Select(_ => " ---: |"))} --- |");
        foreach (Row row in rows)
        {
            Line(
                $"| {row.Name} | {row.Number("seconds")} | {row.Number("predictedSeconds")} |",
                $" {row.Number("serverSeconds")} | {row.Number("clientSeconds")} | {Number(row.OneThread)} |",
                $" {string.Join(" | ", row.OverLinks.Select(Number))} |",
                $" {(row.Report.GetProperty("exact").GetBoolean() ? "yes" : "NO")} |");
        }

        Line($"");
        Line($"| network | accuracy | non-zero weights | products | up, MB | down, MB | rounds | memory, MB |");
        Line($"| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |");
        foreach (Row row in rows)
        {
            Line(
                $"| {row.Name} | {row.Accuracy:P2} | {row.Nnz:N0} | {row.Value("products"):N0} |",
                $" {row.Number("bytesUp", 1e6)} | {row.Number("bytesDown", 1e6)} | {row.Value("rounds")} |",
                $" {row.Value("peakMemoryBytes") / 1e6:N0} |");
        }

        Line($"");
        Line($"![Seconds, measured and predicted](networks-seconds.svg)");
        Line($"![Megabytes, up and down](networks-bytes.svg)");
        return text.ToString();

        void Line(params FormattableString[] parts)
        {
            foreach (FormattableString part in parts)
            {
                text.Append(part.ToString(CultureInfo.InvariantCulture));
            }

            text.Append('\n');
        }
    }

    private static string Number(double? value) =>
        value?.ToString(value < 10 ? "0.00" : "0.0", CultureInfo.InvariantCulture) ?? "";

    /// <summary>A network's figures.</summary>
    private sealed record Row(
        string Name, JsonElement Report, long Nnz, double? Accuracy, double? OneThread, double?[] OverLinks)
    {
        public (string Name, IReadOnlyList<double> Values) Bars(string first, string second, double unit) =>
            (Name, [Value(first) / unit, Value(second) / unit]);

        public double Value(string name) => Report.GetProperty(name).GetDouble();

        public string Number(string name, double unit = 1) => NetworksCommand.Number(Value(name) / unit);
    }
}
