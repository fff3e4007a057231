using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging.Abstractions;
using Popcorn.Cli.Service;

namespace Popcorn.Cli.Tests.Service;

/// <summary>When a server gives memory back.</summary>
public sealed class IdleMemoryTests : IDisposable
{
    private readonly Clock _clock = new();
    private readonly IdleMemory _memory;

    public IdleMemoryTests() => _memory = new IdleMemory(NullLogger<IdleMemory>.Instance, _clock);

    public void Dispose() => _memory.Dispose();

    [Fact]
    public void A_server_that_nobody_asks_gives_back_what_its_start_took()
    {
        Assert.Equal(IdleMemory.Patience, _clock.Due);
        _clock.Fire();
        Assert.Equal(1, _memory.Releases);
    }

    [Fact]
    public async Task Nothing_is_given_back_while_somebody_is_there_and_all_once_the_last_has_left_for_a_while()
    {
        TaskCompletionSource first = new(), second = new();
        Task one = _memory.CountAsync(Request("/popcorn"), _ => first.Task);
        Task other = _memory.CountAsync(Request("/popcorn"), _ => second.Task);
        _clock.Fire();
        first.SetException(new InvalidOperationException());
        await Assert.ThrowsAsync<InvalidOperationException>(() => one);
        Assert.Null(_clock.Due);
        second.SetResult();
        await other;
        Assert.Equal(IdleMemory.Patience, _clock.Due);
        Assert.Equal(0, _memory.Releases);
        _clock.Fire();
        Assert.Equal(1, _memory.Releases);
    }

    [Fact]
    public async Task Probes_neither_hold_memory_nor_have_it_given_back()
    {
        _clock.Fire();
        var probe = new TaskCompletionSource();
        Task asked = _memory.CountAsync(Request("/health"), _ => probe.Task);
        probe.SetResult();
        await asked;
        Assert.Null(_clock.Due);
        Assert.Equal(1, _memory.Releases);
    }

    private static DefaultHttpContext Request(string path)
    {
        var context = new DefaultHttpContext();
        context.Request.Path = path;
        return context;
    }

    /// <summary>Has one timer, which fires when it is told to.</summary>
    private sealed class Clock : TimeProvider
    {
        private Action? _fire;

        public TimeSpan? Due { get; private set; }

        public void Fire()
        {
            Due = null;
            _fire!();
        }

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            (_fire, Due) = (() => callback(state), dueTime);
            return new Timer(this);
        }

        private sealed class Timer(Clock clock) : ITimer
        {
            public bool Change(TimeSpan dueTime, TimeSpan period)
            {
                clock.Due = dueTime;
                return true;
            }

            public void Dispose()
            {
                // It fires only when it is told to.
            }

            public ValueTask DisposeAsync() => default;
        }
    }
}
