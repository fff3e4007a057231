using Popcorn.KernelTiming;

namespace Popcorn.Cli.Tests.Measurement;

public sealed class InterleavedTimerTests
{
    private const int Rounds = 3;
    private static readonly TimeSpan Slice = TimeSpan.FromMilliseconds(1);

    private readonly Clock _clock = new();

    [Fact]
    public void The_best_run_counts()
    {
        int runs = 0;
        var operation = new KernelOperation("naps", 10, () => _clock.Pass(++runs == 4 ? 20 : 100));
        Timings timings = new InterleavedTimer(Slice, clock: _clock).Measure([operation], Rounds);
        Timing timing = Assert.Single(timings.Operations);
        Assert.Equal(2_000, timing.Microseconds);
        Assert.Equal(timing.Microseconds / timings.ReferenceMicroseconds, timing.RatioToReference, precision: 12);
        Assert.Equal(0, timing.RelativeError);
        Assert.Equal(1 + (2 * Rounds), runs);
    }

    [Fact]
    public void Of_a_search_the_mean_counts()
    {
        int runs = 0;
        var operation = new KernelOperation("naps", 1, () => _clock.Pass(++runs % 2 == 0 ? 20 : 100), IsSearch: true);
        Timing timing = Assert.Single(
            new InterleavedTimer(Slice, clock: _clock).Measure([operation], Rounds).Operations);
        Assert.Equal(60_000, timing.Microseconds);
        Assert.Equal(Math.Sqrt(1600.0 / (2 * Rounds - 1)) / 60, timing.RelativeError, precision: 12);
    }

    [Fact]
    public void Slices_alternate_between_operations()
    {
        var order = new List<string>();
        KernelOperation[] operations = [.. "ab".Select(name => new KernelOperation($"{name}", 1, () => { }))];
        new InterleavedTimer(TimeSpan.Zero).Measure(operations, Rounds, (done, name) =>
        {
            Assert.Equal(order.Count, done);
            order.Add(name);
        });
        Assert.Equal(["a", "b", "a", "b", "a", "b"], order);
    }

    [Fact]
    public void What_runs_use_up_is_renewed_before_each_slice()
    {
        const int Runs = 4;
        int left = 0, most = 0, runs = 0;
        var operation = new KernelOperation("eats", 1, () =>
        {
            Assert.True(left-- > 0);
            runs++;
        })
        {
            Supply = new Supply(Runs, () =>
            {
                most = Math.Max(most, left);
                left = Runs;
            }),
        };
        new InterleavedTimer(TimeSpan.FromSeconds(1)).Measure([operation], Rounds);
        Assert.Equal(1 + (Rounds * Runs), runs);
        Assert.Equal(Runs - 1, most); // after the first run of all, a warm-up
    }

    [Fact]
    public void Ratios_are_those_to_a_unit_of_the_yardstick()
    {
        var operation = new KernelOperation("nap", 2, () => Thread.Sleep(20));
        var timer = new InterleavedTimer(TimeSpan.Zero)
        {
            Yardstick = new Yardstick(5, () => TimeSpan.FromMilliseconds(10)),
        };
        Timings timings = timer.Measure([operation], Rounds);
        Assert.Equal(2000, timings.ReferenceMicroseconds, precision: 9);
        Assert.InRange(timings.Operations[0].RatioToReference, 4.9, 50);
    }

    [Fact]
    public void It_can_be_stopped()
    {
        using var source = new CancellationTokenSource();
        var operation = new KernelOperation("once", 1, source.Cancel);
        Assert.Throws<OperationCanceledException>(
            () => new InterleavedTimer(Slice, source.Token).Measure([operation], Rounds));
    }

    /// <summary>Time passes here only when something takes it.</summary>
    private sealed class Clock : TimeProvider
    {
        private TimeSpan _now;

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => _now.Ticks;

        public void Pass(int milliseconds) => _now += TimeSpan.FromMilliseconds(milliseconds);
    }
}
