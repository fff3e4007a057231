using System.CommandLine;
using System.Globalization;

namespace Popcorn.Bench.Dudect;

/// <summary><c>dudect</c>: looks for secrets in the distribution of times, as the tool of that name does.</summary>
internal static class DudectCommand
{
    // |t| above 4.5 happens by chance once in 100 000 comparisons; above 10, never.
    private const double Suspicious = 4.5;
    private const double Certain = 10;

    public static Command Create()
    {
        var kernel = new Option<string?>("--isa")
        {
            Description = "Kernel to measure; by default the one this machine uses.",
            HelpName = "NAME",
        };
        var seconds = new Option<double>("--seconds")
        {
            Description = "How long to measure each experiment.",
            DefaultValueFactory = _ => 10,
        };
        var command = new Command("dudect", "Compare times with fixed and with random secrets (Welch's t-test).")
        {
            kernel, seconds,
        };
        command.SetAction(parsed => Run(parsed.GetValue(kernel), TimeSpan.FromSeconds(parsed.GetValue(seconds))));
        return command;
    }

    private static int Run(string? kernel, TimeSpan length)
    {
        using var experiments = new SecretExperiments(kernel);
        Console.WriteLine($"kernel {experiments.Kernel}, 2048-bit key; {length.TotalSeconds} s for each secret");
        Console.WriteLine(
            $"{"operation, secret",-28}{"samples",9}{"mean µs",11}{"difference",13}{"t",9}{"kept",7}  verdict");
        bool failed = false;
        foreach (Experiment experiment in experiments.Create())
        {
            (WelchTest test, int samples) = experiment.Run(length);
            (string verdict, bool acceptable) = Judge(experiment.Expectation, Math.Abs(test.Statistic));
            failed |= !acceptable;
            double percent = 100 * test.Difference / test.Mean;
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"{experiment.Name,-28}{samples,9}{test.Mean / 1000,11:N2}{percent,11:+0.000;-0.000} %"
                + $"{test.Statistic,9:+0.0;-0.0}{test.KeptFraction,7:P0}  {verdict}"));
        }

        Console.WriteLine(failed ? "FAILED" : "passed");
        return failed ? 1 : 0;
    }

    private static (string Verdict, bool Acceptable) Judge(Expectation expectation, double t) => expectation switch
    {
        Expectation.Control => t > Certain ? ("seen, as it must be", true) : ("not seen: measure longer", false),
        Expectation.Documented => t > Suspicious ? ("seen, as documented", true) : ("not seen", true),
        _ when t > Certain => ("SEEN", false),
        _ when t > Suspicious => ("suspicious: measure longer", true),
        _ => ("not seen", true),
    };
}
