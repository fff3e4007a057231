using Popcorn.Bench.Gate;

namespace Popcorn.Bench.Tests;

public sealed class VerdictTests
{
    private const string Machine = "a machine";

    private static readonly InferenceWork Work = new(1000, 200, 100, 3, AllocatedBytes: 10_000);

    private static readonly TransferSizes Sizes = new(SentBits: 19, KeptBytes: 100);

    private static Baseline Known { get; } = new(
        new() { ["add"] = 8 },
        new() { ["inference"] = Work },
        new() { ["transfer"] = Sizes },
        new()
        {
            [Machine] = new()
            {
                ["gmp"] = new() { ["add"] = 2, ["keygen"] = 2, ["inference"] = 2, ["transfer"] = 2 },
            },
        });

    [Theory]
    [InlineData(2, nameof(Outcome.Ok))]
    [InlineData(2.2, nameof(Outcome.Ok))]
    [InlineData(1.8, nameof(Outcome.Ok))]
    [InlineData(2.25, nameof(Outcome.Slower))]
    [InlineData(2.4, nameof(Outcome.Slower))]
    [InlineData(1.7, nameof(Outcome.Faster))]
    public void Times_are_compared_within_the_tolerance(double ratio, string expected)
    {
        var verdict = Verdict.Of(Measured("add", ratio), Known, Machine);
        Assert.Equal(expected, verdict.Outcome.ToString());
        Assert.Equal(verdict.Outcome != Outcome.Slower, verdict.Passed);
        Assert.Equal((ratio / 2) - 1, verdict.Change!.Value, precision: 12);
    }

    [Theory]
    [InlineData(0L)]
    [InlineData(7L)]
    [InlineData(9L)]
    [InlineData(null)]
    public void Allocations_must_match_exactly_on_any_machine(long? bytes)
    {
        foreach (string? machine in new[] { Machine, "another machine", null })
        {
            var verdict = Verdict.Of(Measured("add", 2, bytes), Known, machine);
            Assert.Equal(Outcome.Allocations, verdict.Outcome);
            Assert.False(verdict.Passed);
        }
    }

    [Fact]
    public void An_operation_without_known_allocations_does_not_pass() =>
        Assert.Equal(Outcome.Allocations, Verdict.Of(Measured("new", 2), Known, Machine).Outcome);

    [Theory]
    [InlineData("another machine", "gmp")]
    [InlineData(null, "gmp")]
    [InlineData(Machine, "another kernel")]
    public void Times_of_what_the_baseline_does_not_know_are_not_compared(string? machine, string kernel)
    {
        var verdict = Verdict.Of(Measured("add", 1000) with { Kernel = kernel }, Known, machine);
        Assert.Equal(Outcome.Unknown, verdict.Outcome);
        Assert.True(verdict.Passed);
        Assert.Null(verdict.Change);
    }

    [Fact]
    public void A_search_has_the_margin_of_its_error()
    {
        Measurement search = Measured("keygen", 2.6, null) with { RelativeError = 0.1 };
        Assert.Equal(Outcome.Ok, Verdict.Of(search, Known, Machine).Outcome);
        Assert.Equal(Outcome.Slower, Verdict.Of(search with { Ratio = 3.1 }, Known, Machine).Outcome);
        Assert.Equal(Outcome.Slower, Verdict.Of(search with { RelativeError = 0.01 }, Known, Machine).Outcome);
    }

    [Fact]
    public void An_inference_must_do_the_same_work_and_may_take_longer_than_an_operation()
    {
        Outcome Of(InferenceWork work, double ratio = 2) =>
            Verdict.Of(Measured("inference", ratio, null) with { Work = work }, Known, Machine).Outcome;
        Assert.Equal(Outcome.Ok, Of(Work));
        Assert.Equal(Outcome.Ok, Of(Work, 2.3));
        Assert.Equal(Outcome.Slower, Of(Work, 2.5));
        Assert.Equal(Outcome.Ok, Of(Work with { AllocatedBytes = 10_400 }));
        Assert.All(
            (InferenceWork[])
            [
                Work with { Products = 1001 }, Work with { BytesUp = 199 }, Work with { BytesDown = 101 },
                Work with { Rounds = 4 }, Work with { AllocatedBytes = 10_600 },
            ],
            other => Assert.Equal(Outcome.Work, Of(other)));
        Measurement unknown = Measured("another", 2, null) with { Work = Work };
        Assert.False(Verdict.Of(unknown, Known, Machine).Passed);
    }

    [Fact]
    public void Transfers_must_have_the_same_sizes_to_the_bit_and_large_ones_may_take_longer()
    {
        Outcome Of(TransferSizes sizes, double ratio = 2, bool large = false) => Verdict.Of(
            Measured("transfer", ratio, null) with { Sizes = sizes, IsLarge = large }, Known, Machine).Outcome;
        Assert.Equal(Outcome.Ok, Of(Sizes));
        Assert.Equal(Outcome.Slower, Of(Sizes, 2.3));
        Assert.Equal(Outcome.Ok, Of(Sizes, 2.3, large: true));
        Assert.Equal(Outcome.Slower, Of(Sizes, 2.5, large: true));
        Assert.Equal(Outcome.Work, Of(Sizes with { SentBits = 19.001 }));
        Assert.Equal(Outcome.Work, Of(Sizes with { KeptBytes = 99 }));
        Assert.Equal(Outcome.Work, Verdict.Of(
            Measured("another", 2, null) with { Sizes = Sizes }, Known, Machine).Outcome);
    }

    internal static Measurement Measured(string operation, double ratio, long? bytes = 8) =>
        new("gmp", operation, 100 * ratio, ratio, RelativeError: 0, bytes);
}
