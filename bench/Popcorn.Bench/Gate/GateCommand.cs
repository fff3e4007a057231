using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Popcorn.Cli.Measurement;

namespace Popcorn.Bench.Gate;

/// <summary><c>--check</c>: the regression gate.</summary>
internal static class GateCommand
{
    /// <summary>The word that chooses this command.</summary>
    public const string Name = "--check";

    public static Command Create()
    {
        var path = new Option<string>("--baseline")
        {
            Description = "What to compare with.",
            DefaultValueFactory = _ => Path.Combine("bench", "baseline.json"),
            HelpName = "FILE",
        };
        var models = new Option<string[]>("--models")
        {
            Description = "Integer networks to infer with.",
            DefaultValueFactory = _ =>
                [.. Directory.GetFiles("samples", "mnist-*.popcorn").Order(StringComparer.Ordinal)],
            HelpName = "M.popcorn",
        };
        Option<string> popcorn = PopcornCommand.PathOption();
        var update = new Option<bool>("--update") { Description = "Take this machine's figures as its baseline." };
        var json = new Option<bool>("--json")
        {
            Description = "Print one JSON object on stdout and nothing else there.",
        };
        var slowDown = new Option<double>("--slow-down")
        {
            Description = "Make every operation slower by so much on purpose: the gate must then fail.",
            HelpName = "PERCENT",
        };
        var command = new Command(
            Name, "Compare times, allocations and work of operations and inferences with the baseline.")
        {
            path, models, popcorn, update, slowDown, json,
        };
        command.Validators.Add(result =>
        {
            if (result.GetValue(update) && result.GetValue(slowDown) != 0)
            {
                result.AddError("--update would keep what --slow-down makes of the figures: choose one.");
            }
        });
        command.SetAction(parsed => Run(
            parsed.GetRequiredValue(path), parsed.GetRequiredValue(models),
            new PopcornCommand(parsed.GetRequiredValue(popcorn)), parsed.GetValue(update), parsed.GetValue(slowDown),
            parsed.GetValue(json)));
        return command;
    }

    private static int Run(
        string path, string[] models, PopcornCommand popcorn, bool update, double slowDownPercent, bool json)
    {
        Baseline baseline = Baseline.Load(path);
        string? machine = Machine.Key;
        var gate = new RegressionGate(baseline, machine, slowDownPercent);
        IReadOnlyList<Verdict> verdicts =
        [
            .. gate.Run(update, Console.Error.WriteLine),
            .. gate.RunInferences(popcorn, models, update, Console.Error.WriteLine),
        ];
        if (update)
        {
            baseline.Update(machine, verdicts.Select(verdict => verdict.Measured));
            baseline.Save(path);
            verdicts = [.. verdicts.Select(verdict => Verdict.Of(verdict.Measured, baseline, machine))];
        }

        var report = new GateReport(
            machine,
            machine is not null && baseline.Ratios.ContainsKey(machine),
            verdicts.All(verdict => verdict.Passed),
            slowDownPercent,
            verdicts);
        if (json)
        {
            Console.WriteLine(JsonSerializer.Serialize(report, GateJson.Default.GateReport));
        }
        else
        {
            Print(report);
        }

        return report.Passed ? 0 : 1;
    }

    private static void Print(GateReport report)
    {
        Console.WriteLine(
            $"{Machine.Name} ({report.Machine ?? "model unknown"}), 2048-bit key; operations on one thread, "
            + "inferences on all");
        Console.WriteLine(
            $"{"kernel",-7}{"operation",-24}{"µs",12}{"ratio",12}{"baseline",12}{"change",9}{"bytes",8}{"was",8}"
            + "  verdict");
        foreach (Verdict verdict in report.Operations)
        {
            Measurement measured = verdict.Measured;
            string attempts = verdict.Attempts > 1 ? $" ({verdict.Attempts} attempts)" : "";
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"{measured.Kernel,-7}{measured.Operation,-24}{measured.Microseconds,12:N2}{measured.Ratio,12:0.000000}"
                + $"{verdict.BaselineRatio,12:0.000000}{100 * verdict.Change,7:+0.0;-0.0;0.0} %"
                + $"{measured.AllocatedBytes,8}{verdict.BaselineBytes,8}  {verdict.Outcome}{attempts}"));
        }

        if (!report.TimesCompared)
        {
            Console.WriteLine(
                "The baseline does not know this machine: only allocations were compared. --update adds it.");
        }

        int failed = report.Operations.Count(verdict => !verdict.Passed);
        Console.WriteLine(failed == 0
            ? "passed"
            : $"FAILED: {failed} of {report.Operations.Count}; slower means by more than "
                + $"{Verdict.Tolerance:P0}, for inferences {Verdict.InferenceTolerance:P0}");
    }
}
