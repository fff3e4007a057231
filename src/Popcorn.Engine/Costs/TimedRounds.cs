using System.Diagnostics;

namespace Popcorn.Engine.Costs;

/// <summary>Measurements that take turns, so that a busy moment of the machine does not fall on one of them alone.
/// </summary>
internal static class TimedRounds
{
    /// <summary>
    /// Rounds where the machine is slow, so that it need not be slow for long: times are the less disturbed the longer
    /// they are.
    /// </summary>
    private const int Few = 3;

    /// <summary>Of each measurement's times the third of seven: whatever else the machine does only adds time.
    /// </summary>
    /// <param name="most">Rounds, at most.</param>
    /// <param name="seconds">After which there are no more than a few.</param>
    /// <param name="time">Takes all times once.</param>
    public static double[] Thirds(int most, double seconds, Func<double[]> time)
    {
        var rounds = new List<double[]>();
        long begin = Stopwatch.GetTimestamp();
        while (rounds.Count < Few
            || (rounds.Count < most && Stopwatch.GetElapsedTime(begin).TotalSeconds < seconds))
        {
            rounds.Add(time());
        }

        return [.. rounds[0].Select((_, i) => rounds.Select(times => times[i]).Order().ElementAt(rounds.Count / 3))];
    }
}
