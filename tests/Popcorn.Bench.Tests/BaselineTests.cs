using System.Text.Json;
using Popcorn.Bench.Gate;
using Popcorn.KernelTiming;
using Popcorn.KernelTiming.TwoParty;

namespace Popcorn.Bench.Tests;

public sealed class BaselineTests : IDisposable
{
    private readonly string _path = Path.GetTempFileName();

    public void Dispose() => File.Delete(_path);

    [Fact]
    public void What_was_measured_is_read_back_and_passes()
    {
        Measurement[] measured =

        [
            VerdictTests.Measured("add", 0.000_064_219_87),
            VerdictTests.Measured("keygen", 9.5, null),
            VerdictTests.Measured("inference", 70, null) with { Work = new InferenceWork(1000, 200, 100, 3, 9999) },
            VerdictTests.Measured("transfer", 7) with { Sizes = new TransferSizes(395_200 / 15_015_812.0, 5) },
        ];
        Baseline baseline = Baseline.Empty;
        baseline.Update("a machine", measured);
        baseline.Save(_path);
        Baseline read = Baseline.Load(_path);
        Assert.Equal(0.000_064_22, read.RatioOf("a machine", "gmp", "add"));
        Assert.All(measured, each => Assert.Equal(Outcome.Ok, Verdict.Of(each, read, "a machine").Outcome));
        Assert.False(read.Allocations.ContainsKey("keygen"));
    }

    [Fact]
    public void An_update_keeps_what_other_machines_measured()
    {
        Baseline baseline = Baseline.Empty;
        baseline.Update("one", [VerdictTests.Measured("add", 1)]);
        baseline.Update("two", [VerdictTests.Measured("add", 2)]);
        baseline.Update(null, [VerdictTests.Measured("add", 3, bytes: 9)]);
        Assert.Equal(1, baseline.RatioOf("one", "gmp", "add"));
        Assert.Equal(2, baseline.RatioOf("two", "gmp", "add"));
        Assert.Equal(9, baseline.Allocations["add"]);
    }

    [Fact]
    public void A_file_that_is_absent_knows_nothing()
    {
        File.Delete(_path);
        Assert.Empty(Baseline.Load(_path).Allocations);
    }

    [Theory]
    [InlineData("")]
    [InlineData("null")]
    [InlineData("{}")]
    [InlineData("{\"allocations\":{},\"ratios\":{}}")]
    [InlineData("{\"allocations\":{},\"inferences\":{},\"ratios\":{}}")]
    [InlineData("{\"allocations\":{\"add\":\"much\"},\"inferences\":{},\"transfers\":{},\"ratios\":{}}")]
    public void Anything_else_is_refused(string text)
    {
        File.WriteAllText(_path, text);
        Assert.Throws<JsonException>(() => Baseline.Load(_path));
    }

    [Fact]
    public void The_baseline_of_the_repository_covers_every_operation()
    {
        string path = Path.Combine(RepositoryRoot(), "bench", "baseline.json");
        Baseline baseline = Baseline.Load(path);
        string[] transfers = [.. TransferWorkload.AllNames.SelectMany(TransferMeasurement.SidesOf)];
        Assert.Equal(
            KernelWorkload.Names.Where(name => name != "keygen").Concat(transfers).Order(),
            baseline.Allocations.Keys.Order());
        transfers = [.. transfers, .. TransferMeasurement.SetUpSides];
        Assert.Equal(transfers.Order(), baseline.Transfers.Keys.Order());
        Assert.Equal(
            Directory.GetFiles(Path.Combine(RepositoryRoot(), "samples"), "mnist-*.popcorn")
                .Select(InferenceMeasurement.OperationOf).Order(),
            baseline.Inferences.Keys.Order());
        Assert.All(
            baseline.Ratios.Values.SelectMany(kernels => kernels),
            kernel => Assert.Equal(
                (kernel.Key == "aes" ? transfers : KernelWorkload.Names).Order(),
                kernel.Value.Keys.Where(name => !baseline.Inferences.ContainsKey(name)).Order()));
    }

    private static string RepositoryRoot()
    {
        string? directory = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(directory, "Popcorn.sln")))
        {
            directory = Path.GetDirectoryName(directory)
                ?? throw new InvalidOperationException("These tests run within the repository.");
        }

        return directory;
    }
}
