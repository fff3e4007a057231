using System.Diagnostics;
using Popcorn.Engine.Planning;

namespace Popcorn.Engine.Sessions;

/// <summary>What a phase of a query took, as one party saw it.</summary>
/// <param name="Use">Time, bytes and round trips.</param>
/// <param name="WorkSeconds">Of its seconds, what the party did not spend on the connection.</param>
internal sealed record PhaseMeasure(PhaseUse Use, double WorkSeconds);

/// <summary>Measures a phase of a query, from its making to the call of one of its methods.</summary>
internal sealed class PhaseClock(Connection connection)
{
    private readonly long _start = Stopwatch.GetTimestamp();
    private readonly ConnectionUse _before = connection.Use;

    /// <summary>The phase as the client saw it.</summary>
    public PhaseMeasure ForClient(int rounds) => Measure(use => (use.BytesSent, use.BytesReceived), rounds);

    /// <summary>The phase as the server saw it.</summary>
    public PhaseMeasure ForServer(int rounds) => Measure(use => (use.BytesReceived, use.BytesSent), rounds);

    private PhaseMeasure Measure(Func<ConnectionUse, (long Up, long Down)> bytesOf, int rounds)
    {
        double seconds = Stopwatch.GetElapsedTime(_start).TotalSeconds;
        ConnectionUse used = connection.Use - _before;
        (long up, long down) = bytesOf(used);
        return new PhaseMeasure(new PhaseUse(seconds, up, down, rounds), seconds - used.Waited.TotalSeconds);
    }
}
