using System.CommandLine;
using Popcorn.Fuzz.Targets;
using Popcorn.Tests;
using SharpFuzz;

namespace Popcorn.Fuzz;

/// <summary>The command: <c>./build.sh fuzz</c>.</summary>
internal static class Program
{
    private static int Main(string[] args)
    {
        var seconds = new Option<double>("--seconds")
        {
            Description = "Time, shared by all targets that are asked for.",
            DefaultValueFactory = _ => 60,
        };
        var names = new Option<string[]>("--target")
        {
            Description = $"Which readers; all by default: {string.Join(", ", FuzzTargets.All.Select(t => t.Name))}.",
            AllowMultipleArgumentsPerToken = true,
        };
        var seed = new Option<int>("--seed")
        {
            Description = "The same inputs for the same seed; by default the day's.",
            DefaultValueFactory = _ => DateTime.UtcNow.DayOfYear,
        };
        var file = new Option<string?>("--file") { Description = "Try this one input on the target." };
        var slow = new Option<double>("--slow")
        {
            Description = "Seconds that an input may take; a sanitizer needs more.",
            DefaultValueFactory = _ => 2,
        };
        var save = new Option<string?>("--save-in")
        {
            Description = "Folder for what breaks; artifacts/fuzz by default.",
        };
        var folder = new Option<string?>("--write-seeds")
        {
            Description = "Write the targets' seeds to this folder, for other fuzzers, and end.",
        };
        var record = new Option<bool>("--record") { Description = "Record the corpus' sessions anew, and end." };
        var libFuzzer = new Option<bool>("--libfuzzer")
        {
            Description = "Serve the target to libfuzzer-dotnet, for assemblies that sharpfuzz has instrumented.",
        };
        var root = new RootCommand("Tries mutated inputs on every reader of bytes that others wrote.")
        {
            seconds, names, seed, file, slow, save, folder, record, libFuzzer,
        };
        root.SetAction(parsed =>
        {
            if (parsed.GetValue(record))
            {
                SessionRecorder.Record();
                return 0;
            }

            string[] wanted = parsed.GetValue(names) ?? [];
            FuzzTarget[] targets = [.. FuzzTargets.All.Where(t => wanted.Length == 0 || wanted.Contains(t.Name))];
            if (targets.Length == 0 || wanted.Except(targets.Select(t => t.Name)).Any())
            {
                string known = string.Join(", ", FuzzTargets.All.Select(t => t.Name));
                Console.Error.WriteLine($"popcorn-fuzz: there are {known}.");
                return 2;
            }

            if (parsed.GetValue(folder) is string seeds)
            {
                WriteSeeds(targets, seeds);
                return 0;
            }

            if (parsed.GetValue(libFuzzer))
            {
                Fuzzer.LibFuzzer.Run(input => RunRefusing(targets[0], input));
                return 0;
            }

            string saveIn = parsed.GetValue(save) ?? Path.Combine(Repository.Root, "artifacts", "fuzz");
            int number = parsed.GetValue(seed);
            var mostTime = TimeSpan.FromSeconds(parsed.GetValue(slow));
            return Fuzz(
                [.. targets.Select(t => (t, new FuzzRun(t, number, saveIn) { MostTime = mostTime }))], number,
                parsed.GetValue(seconds), parsed.GetValue(file));
        });
        return root.Parse(args).Invoke();
    }

    private static int Fuzz((FuzzTarget Target, FuzzRun Run)[] runs, int seed, double seconds, string? file)
    {
        long inputs = 0;
        int findings = 0;
        foreach ((FuzzTarget target, FuzzRun run) in runs)
        {
            FuzzReport report = file is null
                ? run.Run(long.MaxValue, TimeSpan.FromSeconds(seconds / runs.Length))
                : run.Once(File.ReadAllBytes(file));
            Console.WriteLine(
                $"{target.Name}: {report.Inputs} inputs in {report.Seconds:0.0} s ({report.Inputs / report.Seconds:0} "
                + $"a second), {report.Outcomes} outcomes, {report.Findings.Count} findings");
            foreach (Finding finding in report.Findings)
            {
                Console.WriteLine(finding.Line(seed));
            }

            inputs += report.Inputs;
            findings += report.Findings.Count;
        }

        Console.WriteLine($"{inputs} inputs, seed {seed}, {findings} findings");
        return findings == 0 ? 0 : 1;
    }

    private static void RunRefusing(FuzzTarget target, ReadOnlySpan<byte> input)
    {
        try
        {
            target.Run(input);
        }
        catch (Exception e) when (target.IsRefusal(e))
        {
            // As it should.
        }
    }

    private static void WriteSeeds(FuzzTarget[] targets, string folder)
    {
        foreach (FuzzTarget target in targets)
        {
            string own = Path.Combine(folder, target.Name);
            Directory.CreateDirectory(own);
            foreach ((byte[] seed, int i) in target.Seeds().Select((seed, i) => (seed, i)))
            {
                File.WriteAllBytes(Path.Combine(own, $"{i:000}"), seed);
            }
        }
    }
}
