using System.Diagnostics;

namespace Popcorn.Bench.Dudect;

/// <summary>What an operation's time is expected to show of a secret.</summary>
internal enum Expectation
{
    /// <summary>Nothing: a difference is a defect.</summary>
    Constant,

    /// <summary>Something, by design: docs/THREAT_MODEL.md says so.</summary>
    Documented,

    /// <summary>Something: if the test does not see it, the test is blind.</summary>
    Control,
}

/// <summary>
/// An operation with two classes of secrets: one value again and again, and values drawn at random. Both classes have
/// as many instances, each in memory of its own, so that caches treat them alike.
/// </summary>
/// <param name="Name">What is measured, and the secret that varies.</param>
/// <param name="Expectation">What its time may show.</param>
/// <param name="Fixed">Runs with the same secret.</param>
/// <param name="Varied">Runs with random secrets.</param>
internal sealed record Experiment(string Name, Expectation Expectation, Action[] Fixed, Action[] Varied)
{
    /// <summary>Runs both classes in random order for some time and compares them.</summary>
    public (WelchTest Test, int Samples) Run(TimeSpan length)
    {
        foreach (Action run in Fixed.Concat(Varied))
        {
            run();
        }

        List<double>[] times = [[], []];
        long start = Stopwatch.GetTimestamp();
        while (Stopwatch.GetElapsedTime(start) < length)
        {
            int side = Random.Shared.Next(2);
            Action[] instances = side == 0 ? Fixed : Varied;
            Action run = instances[Random.Shared.Next(instances.Length)];
            long began = Stopwatch.GetTimestamp();
            run();
            times[side].Add(Stopwatch.GetElapsedTime(began).TotalNanoseconds);
        }

        return (WelchTest.Strongest(times[0], times[1]), times[0].Count + times[1].Count);
    }
}
