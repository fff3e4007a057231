using Popcorn.Fuzz.Targets;
using Popcorn.Tests;
using Xunit.Abstractions;

namespace Popcorn.Fuzz;

/// <summary>A minute of fuzzing: no input is read in another way than it should.</summary>
public class FuzzTests(ITestOutputHelper output)
{
    private const int Seed = 1;

    public static TheoryData<string> Names => [.. FuzzTargets.All.Select(target => target.Name)];

    [Theory]
    [MemberData(nameof(Names))]
    public void No_input_breaks_a_reader(string name)
    {
        FuzzTarget target = FuzzTargets.All.Single(target => target.Name == name);
        var run = new FuzzRun(target, Seed, Path.Combine(Repository.Root, "artifacts", "fuzz"));
        FuzzReport report = run.Run(target.InputsOfTest, TimeSpan.FromMinutes(2));
        output.WriteLine($"{name}: {report.Inputs} inputs, {report.Outcomes} outcomes, {report.Seconds:0.0} s");
        Assert.True(
            report.Findings.Count == 0, string.Join('\n', report.Findings.Select(finding => finding.Line(Seed))));

        // Seeds are read, changes are refused, and in more ways than one.
        Assert.True(report.Outcomes >= 2, $"{report.Outcomes} outcomes");
    }

    [Fact]
    public void Recorded_sessions_are_of_this_version_of_the_protocol()
    {
        var server = new ServerSessionTarget();
        Assert.All(server.Seeds(), session => server.Run(session));
    }

    [Fact]
    public void The_tests_try_a_hundred_thousand_inputs() =>
        Assert.True(FuzzTargets.All.Sum(target => target.InputsOfTest) >= 100_000);

    [Fact]
    public void The_same_seed_gives_the_same_inputs()
    {
        byte[] input = [10, 3, 1, 2, 3, 16, 5], other = [18, 2, 7, 7];
        Assert.All(Enumerable.Range(0, 200), seed => Assert.Equal(
            Mutations.Message(input, other, new Random(seed)), Mutations.Message(input, other, new Random(seed))));
    }

    [Fact]
    public void What_breaks_a_reader_is_found_and_saved()
    {
        DirectoryInfo folder = Directory.CreateTempSubdirectory("popcorn-fuzz-");
        try
        {
            FuzzReport report = new FuzzRun(new Broken(), Seed, folder.FullName).Run(5000, TimeSpan.FromMinutes(1));
            Assert.Contains(report.Findings, f => f.What.StartsWith("IndexOutOfRange", StringComparison.Ordinal));
            Assert.Contains(report.Findings, f => f.What.Contains("MiB for", StringComparison.Ordinal));
            Assert.All(report.Findings, f => Assert.NotEmpty(
                new FuzzRun(new Broken(), 0, folder.FullName).Once(File.ReadAllBytes(f.Path)).Findings));
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    /// <summary>A reader with two defects.</summary>
    private sealed class Broken : FuzzTarget
    {
        public override string Name => "broken";

        public override long MostMemory => 1 << 20;

        public override IEnumerable<byte[]> Seeds() => [[1, 2, 3, 4]];

        public override void Run(ReadOnlySpan<byte> input)
        {
            if (input.Length > 0 && input[0] == 0xff)
            {
                GC.KeepAlive(new byte[1 << 23]);
            }

            if (input.Length > 0 && input[^1] == 0)
            {
                throw new IndexOutOfRangeException("far out");
            }
        }
    }
}
