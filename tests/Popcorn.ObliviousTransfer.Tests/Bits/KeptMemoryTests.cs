namespace Popcorn.ObliviousTransfer.Tests.Bits;

public class KeptMemoryTests
{
    private readonly Clock _clock = new();
    private readonly List<string> _freed = [];

    [Fact]
    public void The_shortest_that_is_long_enough_is_taken_and_none_that_is_much_longer()
    {
        KeptMemory<string> kept = Keeping(10_000);
        kept.Give("nine", 900);
        kept.Give("eight", 800);
        kept.Give("eleven", 1_100);
        Assert.False(kept.TryTake(1_101, out _, out _));
        Assert.False(kept.TryTake(700, out _, out _)); // by more than an eighth
        Assert.Equal(("eight", 800), Taken(kept, 800));
        Assert.Equal(("nine", 900), Taken(kept, 800));
        Assert.False(kept.TryTake(800, out _, out _));
        Assert.Equal(("eleven", 1_100), Taken(kept, 1_000));
        Assert.Empty(_freed);
    }

    [Fact]
    public void What_came_last_is_taken_first_of_equals_and_what_is_too_much_is_not_kept()
    {
        KeptMemory<string> kept = Keeping(300);
        kept.Give("a", 100);
        kept.Give("b", 100);
        kept.Give("c", 100);
        Assert.Equal(("c", 100), Taken(kept, 100));
        kept.Give("d", 150);
        Assert.Equal(["d"], _freed);
        kept.Give("e", 100);
        kept.Give("f", 1);
        Assert.Equal(["d", "f"], _freed);
        Assert.Equal(("e", 100), Taken(kept, 100));
    }

    [Fact]
    public void What_nobody_takes_goes_and_not_before()
    {
        KeptMemory<string> kept = Keeping(1_000);
        kept.Give("a", 100);
        _clock.Advance(KeptMemory<string>.Patience / 2);
        kept.Give("b", 100);
        Assert.Equal(("b", 100), Taken(kept, 100));
        kept.Give("b", 100); // used again: it is as new
        _clock.Advance(KeptMemory<string>.Patience / 2);
        Assert.Equal(["a"], _freed);
        _clock.Advance(KeptMemory<string>.Patience / 2);
        Assert.Equal(["a", "b"], _freed);
        kept.Give("c", 100);
        _clock.Advance(KeptMemory<string>.Patience);
        Assert.Equal(["a", "b", "c"], _freed);
    }

    private static (string?, long) Taken(KeptMemory<string> kept, long bytes) =>
        kept.TryTake(bytes, out string? memory, out long length) ? (memory, length) : default;

    private KeptMemory<string> Keeping(long most) => new(_freed.Add, most, _clock);

    /// <summary>Goes on when it is told to, and has one timer.</summary>
    private sealed class Clock : TimeProvider
    {
        private long _now;
        private long? _due;
        private Action? _fire;

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => _now;

        public void Advance(TimeSpan time)
        {
            _now += time.Ticks;
            if (_due <= _now)
            {
                _due = null;
                _fire!();
            }
        }

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            (_fire, _due) = (() => callback(state), _now + dueTime.Ticks);
            return new Timer(this);
        }

        private sealed class Timer(Clock clock) : ITimer
        {
            public bool Change(TimeSpan dueTime, TimeSpan period)
            {
                clock._due = clock._now + dueTime.Ticks;
                return true;
            }

            public void Dispose() => clock._due = null;

            public ValueTask DisposeAsync() => default;
        }
    }
}
