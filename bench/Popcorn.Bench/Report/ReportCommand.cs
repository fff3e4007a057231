using System.CommandLine;
using System.Globalization;
using System.Text;
using Popcorn.Interop;
using Popcorn.KernelTiming;

namespace Popcorn.Bench.Report;

/// <summary><c>--report</c>: writes this machine's figures into docs/PERFORMANCE.md.</summary>
internal static class ReportCommand
{
    private const string Begin = "<!-- figures: ./build.sh bench --report -->";
    private const string LoadFile = "/proc/loadavg";
    private const int Rounds = 20;
    private const int Bits = 2048;
    private const int LargerBits = 3072;
    private const int Threads = 2;
    private static readonly TimeSpan Slice = TimeSpan.FromSeconds(0.03);

    public static Command Create()
    {
        var path = new Option<string>("--into")
        {
            Description = $"Document with the line '{Begin}'; what follows it is replaced.",
            DefaultValueFactory = _ => Path.Combine("docs", "PERFORMANCE.md"),
            HelpName = "FILE",
        };
        var command = new Command("--report", "Measure all kernels and write the figures into a document.") { path };
        command.SetAction(parsed => Run(parsed.GetRequiredValue(path)));
        return command;
    }

    private static int Run(string path)
    {
        string figures = Describe(Load());
        Console.Write(figures);
        return FiguresDocument.TryReplace(path, Begin, figures) ? 0 : 1;
    }

    private static string Describe(string load)
    {
        (string Kernel, int Bits)[] setups =
        [
            .. PaillierLibrary.Kernels.Select(kernel => (kernel, Bits)),
            (PaillierLibrary.DefaultKernel, LargerBits),
        ];
        double clock = ClockRate.Measure();
        var columns = new List<(Timings One, Timings Several)>();
        var shares = new List<string>();
        foreach ((string kernel, int bits) in setups)
        {
            Console.Error.WriteLine($"kernel {kernel}, {bits} bits");
            columns.Add((Measure(kernel, bits, 1), Measure(kernel, bits, Threads)));
            if (kernel == "ifma")
            {
                shares.Add(Share(bits));
            }
        }

        double powm = columns.Min(column => column.One.ReferenceMicroseconds);
        var text = new StringBuilder();
        Line($"{Machine.Name} ({Machine.Key}), {Environment.ProcessorCount} cores at {clock / 1000:0.00} GHz as");
        Line($"measured, {DateTime.UtcNow:yyyy-MM-dd}; load average before the measurement {load}.");
        Line($"`mpz_powm`: {powm:N0} µs.");
        Line($"");
        Line($"| | {string.Join(" | ", setups.Select(setup => $"{setup.Kernel} {setup.Bits}, µs | ratio | ×"))} |");
        Line($"| --- |{string.Concat(Enumerable.Repeat(" ---: |", 3 * setups.Length))}");
        for (int i = 0; i < KernelWorkload.Names.Count; i++)
        {
            Line($"| {KernelWorkload.Names[i]} | {string.Join(" | ", columns.Select(column => Cells(column, i)))} |");
        }

        Line($"");
        Line($"Per number, value or non-zero weight, on one thread; ratio to `mpz_powm`; ×: so many times faster");
        Line($"on {Threads} threads.");
        foreach (string share in shares)
        {
            Line($"");
            text.Append(share).Append('\n');
        }

        return text.ToString();

        void Line(FormattableString line) => text.Append(line.ToString(CultureInfo.InvariantCulture)).Append('\n');
    }

    private static Timings Measure(string kernel, int bits, int threads)
    {
        using var workload = new KernelWorkload(bits, kernel, WorkloadSize.Full(threads), new Execution(threads));
        return new InterleavedTimer(Slice).Measure([.. KernelWorkload.Names.Select(workload.Create)], Rounds);
    }

    private static string Cells((Timings One, Timings Several) column, int operation)
    {
        Timing one = column.One.Operations[operation];
        string speedUp = one.Operation.IsSearch
            ? ""
            : Text(one.Microseconds / column.Several.Operations[operation].Microseconds, "0.00");
        string time = Text(one.Microseconds, one.Microseconds < 100 ? "0.00" : "#,0");
        return $"{time} | {TwoDigits(one.RatioToReference)} | {speedUp}";
    }

    /// <summary>Two significant digits, never as a power of ten.</summary>
    private static string TwoDigits(double value)
    {
        int decimals = Math.Max(0, 1 - (int)Math.Floor(Math.Log10(value)));
        return Text(value, $"F{decimals}");
    }

    private static string Text(double value, string format) => value.ToString(format, CultureInfo.InvariantCulture);

    private static string Share(int bits)
    {
        using var share = new VectorShare("ifma", bits);
        double time = new InterleavedTimer(Slice).Measure([share.Create()], Rounds).Operations[0].Microseconds;
        return string.Create(
            CultureInfo.InvariantCulture,
            $"A product modulo n², n of {bits} bits, takes {time:0.000} µs: {share.MultipliesPerProduct:N0} "
            + $"`vpmadd52` of 512 bits, {share.MultipliesPerProduct / time / 1000:0.00} · 10⁹\n"
            + $"a second. `bench_cycles` of the native tests measures what the core can do at most.");
    }

    private static string Load() => File.Exists(LoadFile) ? File.ReadAllText(LoadFile).Split(' ')[0] : "unknown";
}
