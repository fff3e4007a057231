namespace Popcorn.Tests;

/// <summary>
/// Waits for what must come, as long as it takes: on a busy machine a thread may stand still for seconds, and neither a
/// short sleep nor the order of two threads says anything about the program.
/// </summary>
internal static class Eventually
{
    /// <summary>Longer than anything takes that tests wait for; whoever waits so long waits for what never comes.
    /// </summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(150);

    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(20);

    /// <summary>Waits until something is so.</summary>
    /// <param name="condition">What must become true.</param>
    /// <param name="otherwise">What is wrong where it does not.</param>
    public static Task IsTrueAsync(Func<bool> condition, string otherwise) =>
        IsTrueAsync(() => Task.FromResult(condition()), otherwise);

    /// <summary>Waits until something is so.</summary>
    /// <param name="condition">What must become true.</param>
    /// <param name="otherwise">What is wrong where it does not.</param>
    public static async Task IsTrueAsync(Func<Task<bool>> condition, string otherwise)
    {
        long start = Environment.TickCount64;
        while (!await condition())
        {
            Assert.True(Environment.TickCount64 - start < Patience.TotalMilliseconds, otherwise);
            await Task.Delay(Interval);
        }
    }

    /// <summary>Waits until a value is what it should be.</summary>
    public static async Task EqualAsync<T>(T expected, Func<T> actual)
    {
        long start = Environment.TickCount64;
        while (!EqualityComparer<T>.Default.Equals(expected, actual())
            && Environment.TickCount64 - start < Patience.TotalMilliseconds)
        {
            await Task.Delay(Interval);
        }

        Assert.Equal(expected, actual());
    }
}
