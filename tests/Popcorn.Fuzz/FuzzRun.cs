using System.Diagnostics;
using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;

namespace Popcorn.Fuzz;

/// <summary>An input that a reader did not take as it should.</summary>
/// <param name="Target">The reader.</param>
/// <param name="What">One line: the exception, the time or the memory.</param>
/// <param name="Number">Which input of the run; −1 of a file or a seed.</param>
/// <param name="Path">Where the input was saved.</param>
public sealed record Finding(string Target, string What, long Number, string Path)
{
    /// <summary>One line that says how to see it again.</summary>
    public string Line(int seed) =>
        $"{Target}: {What} (input {Number} of seed {seed}); again: ./build.sh fuzz --target {Target} --file {Path}";
}

/// <summary>What a run did.</summary>
/// <param name="Inputs">Inputs tried.</param>
/// <param name="Outcomes">Different ways in which they were read or refused.</param>
/// <param name="Seconds">Time.</param>
/// <param name="Findings">What broke.</param>
public sealed record FuzzReport(long Inputs, int Outcomes, double Seconds, IReadOnlyList<Finding> Findings);

/// <summary>
/// Tries inputs on a reader: those that are known, then changes of them, the same for the same seed. An input that is
/// read or refused in a way not seen before joins the known ones.
/// </summary>
/// <param name="target">The reader.</param>
/// <param name="seed">Decides everything.</param>
/// <param name="saveIn">Folder for what breaks.</param>
public sealed partial class FuzzRun(FuzzTarget target, int seed, string saveIn)
{
    private const int MostKnown = 2000;
    private const int MemoryPerByte = 200;

    /// <summary>How often more an input is tried that seems slow or large.</summary>
    private const int Repetitions = 3;

    /// <summary>Characters by which two refusals differ: what follows is often the input's own text.</summary>
    private const int OutcomeLength = 60;

    private readonly Random _random =
        new(seed ^ BitConverter.ToInt32(SHA256.HashData(Encoding.UTF8.GetBytes(target.Name))));

    private readonly List<byte[]> _known = [];
    private readonly HashSet<string> _outcomes = [];
    private readonly Dictionary<string, Finding> _findings = [];
    private long _inputs;
    private byte[] _current = [];
    private long _started;

    /// <summary>Longest time for an input.</summary>
    public TimeSpan MostTime { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>After so long an input is taken never to end.</summary>
    private TimeSpan Patience => 15 * MostTime;

    /// <summary>Tries inputs until there were enough, or the time is over.</summary>
    public FuzzReport Run(long inputs, TimeSpan time)
    {
        // On a thread of its own: one that never comes back is left behind.
        var clock = Stopwatch.StartNew();
        var work = new Thread(() => Loop(inputs, clock, time), 16 << 20) { IsBackground = true };
        Volatile.Write(ref _started, Stopwatch.GetTimestamp());
        work.Start();
        while (!work.Join(TimeSpan.FromMilliseconds(100)))
        {
            if (Stopwatch.GetElapsedTime(Volatile.Read(ref _started)) > Patience)
            {
                Report("hang", $"did not end within {Patience.TotalSeconds} s", _current);
                break;
            }
        }

        return new FuzzReport(_inputs, _outcomes.Count, clock.Elapsed.TotalSeconds, [.. _findings.Values]);
    }

    /// <summary>Tries one input.</summary>
    public FuzzReport Once(byte[] input)
    {
        var clock = Stopwatch.StartNew();
        Try(input);
        return new FuzzReport(1, _outcomes.Count, clock.Elapsed.TotalSeconds, [.. _findings.Values]);
    }

    private void Loop(long inputs, Stopwatch clock, TimeSpan time)
    {
        foreach (byte[] input in target.Seeds())
        {
            Try(input);
            _known.Add(input);
        }

        while (_inputs < inputs && clock.Elapsed < time)
        {
            byte[] input = target.Mutate(
                _known[_random.Next(_known.Count)], _known[_random.Next(_known.Count)], _random);
            if (input.Length <= target.MostBytes && Try(input) && _known.Count < MostKnown)
            {
                _known.Add(input);
            }
        }
    }

    /// <returns>Whether it ended as no other before.</returns>
    private bool Try(byte[] input)
    {
        Volatile.Write(ref _current, input);
        _inputs++;
        long mostMemory = target.MostMemory + (long)MemoryPerByte * input.Length;
        (string outcome, TimeSpan time, long memory) = Measure(input);
        for (int again = 0; again < Repetitions && (time > MostTime || memory > mostMemory); again++)
        {
            // Others may have had the machine, or allocated: what is slow or large is so each time.
            (outcome, TimeSpan nextTime, long nextMemory) = Measure(input);
            time = nextTime < time ? nextTime : time;
            memory = Math.Min(memory, nextMemory);
        }

        if (time > MostTime)
        {
            Report("slow", $"took {time.TotalSeconds:0.0} s", input);
        }

        if (memory > mostMemory)
        {
            Report("memory", $"took {memory >> 20} MiB for {input.Length} bytes", input);
        }

        return _outcomes.Add(outcome);
    }

    private (string Outcome, TimeSpan Time, long Memory) Measure(byte[] input)
    {
        long before = GC.GetTotalAllocatedBytes();
        long start = Stopwatch.GetTimestamp();
        Volatile.Write(ref _started, start);
        string outcome = "read";
        try
        {
            target.Run(input);
        }
        catch (Exception e)
        {
            string name = e.GetType().Name;
            string message = Quoted().Replace(e.Message, "");
            outcome = $"{name}: {message[..Math.Min(message.Length, OutcomeLength)]}";
            if (!target.IsRefusal(e))
            {
                string where = e.StackTrace?.Split('\n')
                    .FirstOrDefault(line => line.Contains("Popcorn.", StringComparison.Ordinal))?.Trim() ?? "";
                Report($"{name} {where}", $"{name}: {e.Message.ReplaceLineEndings(" ")} {where}", input);
            }
        }

        return (outcome, Stopwatch.GetElapsedTime(start), GC.GetTotalAllocatedBytes() - before);
    }

    /// <summary>What an input puts into a message.</summary>
    [GeneratedRegex("'[^']*'|[0-9]+")]
    private static partial Regex Quoted();

    /// <summary>Keeps the first input of a kind.</summary>
    private void Report(string kind, string what, byte[] input)
    {
        lock (_findings)
        {
            if (_findings.ContainsKey(kind))
            {
                return;
            }

            Directory.CreateDirectory(saveIn);
            string hash = Convert.ToHexString(SHA256.HashData(input))[..12];
            string path = Path.Combine(saveIn, $"{target.Name}-{hash}");
            File.WriteAllBytes(path, input);
            _findings.Add(kind, new Finding(target.Name, what, _inputs - 1, path));
        }
    }
}
