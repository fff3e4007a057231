using System.CommandLine;
using Popcorn.Cli.Kernels;
using Popcorn.Cli.Terminal;
using Popcorn.Interop;
using Spectre.Console;

namespace Popcorn.Cli.Commands;

/// <summary><c>popcorn bench</c>: figures of this machine.</summary>
internal static class BenchCommand
{
    public static Command Create() => new("bench", "Measure this machine.") { CreateKernels() };

    private static Command CreateKernels()
    {
        Option<int> bits = KeygenCommand.BitsOption();
        var kernel = new Option<string?>("--isa")
        {
            Description = "Kernel to measure; by default the one this machine uses.",
            HelpName = "NAME",
        };
        Option<int> threads = new Option<int>("--threads")
        {
            Description = "Threads, at most one per core; 1 is what compares between machines.",
            DefaultValueFactory = _ => 1,
        }.InRange(1, Environment.ProcessorCount);
        var command = new Command("kernels", "Time every operation on ciphertexts.") { bits, kernel, threads };
        command.SetWork((parsed, output, cancellationToken) =>
        {
            KernelsReport report;
            using (var progress = new ProgressLine("bench"))
            {
                report = KernelBenchmark.Run(
                    parsed.GetValue(bits),
                    parsed.GetValue(kernel),
                    new Execution(parsed.GetValue(threads), cancellationToken),
                    (done, operation) => progress.Report(done, KernelBenchmark.Slices, operation));
            }

            Show(report, output);
            return Task.CompletedTask;
        });
        return command;
    }

    private static void Show(KernelsReport report, Output output)
    {
        if (output.IsJson)
        {
            Output.WriteJson(report, ReportJson.Default.KernelsReport);
            return;
        }

        Table table = Tables.Create("operation", ">microseconds", ">ratio to powm");
        foreach (MeasuredOperation operation in report.Operations)
        {
            table.AddCells(
                operation.Name, operation.Microseconds.ToString("N2"), operation.RatioToPowm.ToString("0.00000"));
        }

        output.Screen.Write(table);
        output.Line(
            $"kernel {report.Isa}, key of {report.KeyBits} bits, threads: {report.Threads}; "
            + $"GMP's mpz_powm (2048-bit exponent, 4096-bit modulus): {report.ReferencePowmMicroseconds:N0} µs");
    }
}
