using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Popcorn.KernelTiming;

namespace Popcorn.Bench.Gate;

/// <summary><c>--check</c>: the regression gate.</summary>
internal static class GateCommand
{
    /// <summary>The word that chooses this command.</summary>
    public const string Name = "--check";

    private const string Kernels = "kernels";
    private const string Transfers = "transfers";
    private const string Inferences = "inferences";

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
        var only = new Option<string?>("--only") { Description = "Leave out the rest.", HelpName = "PART" };
        only.AcceptOnlyFromAmong(Kernels, Transfers, Inferences);
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
            Name, "Compare times, allocations and work of operations, transfers and inferences with the baseline.")
        {
            path, models, popcorn, only, update, slowDown, json,
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
            new PopcornCommand(parsed.GetRequiredValue(popcorn)), parsed.GetValue(only), parsed.GetValue(update),
            parsed.GetValue(slowDown), parsed.GetValue(json)));
        return command;
    }

    private static int Run(
        string path, string[] models, PopcornCommand popcorn, string? only, bool update, double slowDownPercent,
        bool json)
    {
        Baseline baseline = Baseline.Load(path);
        string? machine = Machine.Key;
        var gate = new RegressionGate(baseline, machine, slowDownPercent);
        IReadOnlyList<Verdict> verdicts =
        [
            .. Has(Kernels) ? gate.Run(update, Console.Error.WriteLine) : [],
            .. Has(Transfers) ? gate.RunTransfers(update, Console.Error.WriteLine) : [],
            .. Has(Inferences) ? gate.RunInferences(popcorn, models, update, Console.Error.WriteLine) : [],
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

        bool Has(string part) => only is null || only == part;
    }

    /// <summary>Transfers take nanoseconds.</summary>
    private static string Short(double microseconds) =>
        microseconds.ToString(microseconds < 0.1 ? "N5" : "N2", CultureInfo.InvariantCulture);

    private static string? Ratio(double? ratio) =>
        ratio?.ToString(ratio < 100_000 ? "0.000000" : "0", CultureInfo.InvariantCulture);

    private static void Print(GateReport report)
    {
        Console.WriteLine(
            $"{Machine.Name} ({report.Machine ?? "model unknown"}), 2048-bit key; operations on one thread, "
            + "inferences on all; transfers beside AES, the rest beside GMP");
        Console.WriteLine(
            $"{"kernel",-7}{"operation",-24}{"µs",12}{"ratio",13}{"baseline",13}{"change",9}{"bytes",8}{"was",8}"
            + "  verdict");
        foreach (Verdict verdict in report.Operations)
        {
            Measurement measured = verdict.Measured;
            string attempts = verdict.Attempts > 1 ? $" ({verdict.Attempts} attempts)" : "";
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"{measured.Kernel,-7}{measured.Operation,-24}{Short(measured.Microseconds),12}"
                + $"{Ratio(measured.Ratio),13}{Ratio(verdict.BaselineRatio),13}{100 * verdict.Change,7:+0.0;-0.0;0.0} %"
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
                + $"{Verdict.Tolerance:P0}, for inferences, tickets and the like {Verdict.InferenceTolerance:P0}");
    }
}
