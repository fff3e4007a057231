using Popcorn.Cli.Kernels;
using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Popcorn.Bench.Gate;

namespace Popcorn.Bench.Report;

/// <summary><c>--networks</c>: measures whole inferences and writes them into docs/PERFORMANCE.md.</summary>
internal static class NetworksCommand
{
    private const string Begin = "<!-- figures: ./build.sh bench --networks -->";

    public static Command Create()
    {
        var models = new Argument<string[]>("models")
        {
            Description = "Integer networks, made by popcorn import.",
            HelpName = "M.popcorn",
            Arity = ArgumentArity.OneOrMore,
        };
        Option<string> popcorn = PopcornOption();
        var path = new Option<string>("--into")
        {
            Description = $"Document with the line '{Begin}'; what follows it is replaced.",
            DefaultValueFactory = _ => Path.Combine("docs", "PERFORMANCE.md"),
            HelpName = "FILE",
        };
        var command = new Command("--networks", "Measure whole inferences and write the figures into a document.")
        {
            models, popcorn, path,
        };
        command.SetAction(parsed => Run(
            parsed.GetRequiredValue(models), parsed.GetRequiredValue(popcorn), parsed.GetRequiredValue(path)));
        return command;
    }

    /// <summary>Which command measures inferences.</summary>
    public static Option<string> PopcornOption() => new("--popcorn")
    {
        Description = "The command to measure with; ./build.sh makes it.",
        DefaultValueFactory = _ => Path.Combine("artifacts", "popcorn", "popcorn"),
        HelpName = "FILE",
    };

    private static int Run(string[] models, string popcorn, string path)
    {
        var text = new StringBuilder();
        Line($"{Machine.Name} ({Machine.Key}), {Environment.ProcessorCount} cores,");
        Line($"{DateTime.UtcNow:yyyy-MM-dd}; keys of 2048 bits, kernel of the machine.");
        Line($"");
        Line($"| network | seconds | predicted | server, s | client, s | products | up, MB | down, MB | rounds | memory, MB | exact |");
        Line($"| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | --- |");
        foreach (string model in models)
        {
            Console.Error.WriteLine(model);
            using JsonDocument report = Measure(popcorn, model);
            JsonElement r = report.RootElement;
            Line($"| {r.GetProperty("model")} | {Number("seconds")} | {Number("predictedSeconds")} | {Number("serverSeconds")} | {Number("clientSeconds")} | {r.GetProperty("products").GetInt64():N0} | {Number("bytesUp", 1e6)} | {Number("bytesDown", 1e6)} | {r.GetProperty("rounds")} | {r.GetProperty("peakMemoryBytes").GetInt64() / 1e6:N0} | {(r.GetProperty("exact").GetBoolean() ? "yes" : "NO")} |");

            string Number(string name, double unit = 1)
            {
                double value = r.GetProperty(name).GetDouble() / unit;
                return value.ToString(value < 10 ? "0.00" : "0.0", CultureInfo.InvariantCulture);
            }
        }

        Console.Write(text);
        return FiguresDocument.TryReplace(path, Begin, text.ToString()) ? 0 : 1;

        void Line(FormattableString line) => text.Append(line.ToString(CultureInfo.InvariantCulture)).Append('\n');
    }

    /// <summary>In a process of its own, whose memory then is that of this network alone.</summary>
    private static JsonDocument Measure(string popcorn, string model)
    {
        if (!File.Exists(popcorn))
        {
            throw new IOException($"{popcorn} is not there; run ./build.sh first, or name it with --popcorn.");
        }

        // Short inferences several times: the first one is slowed down by what is still being compiled.
        const int Repeat = 5;
        const double Short = 5;
        JsonDocument report = RunOnce(1);
        if (report.RootElement.GetProperty("seconds").GetDouble() > Short)
        {
            return report;
        }

        report.Dispose();
        return RunOnce(Repeat);

        JsonDocument RunOnce(int repeat)
        {
            var start = new ProcessStartInfo(popcorn) { RedirectStandardOutput = true };
            foreach (string argument in (string[])["bench", "network", model, "--json", "--repeat", $"{repeat}"])
            {
                start.ArgumentList.Add(argument);
            }

            using Process process = Process.Start(start) ?? throw new IOException($"{popcorn} did not start.");
            string output = process.StandardOutput.ReadToEnd();
            process.WaitForExit();
            return process.ExitCode == 0
                ? JsonDocument.Parse(output)
                : throw new IOException($"{popcorn} could not measure {model}.");
        }
    }
}
