using System.Diagnostics;
using Popcorn.ObliviousTransfer.Flows;
using Popcorn.ObliviousTransfer.Sessions;

namespace Popcorn.KernelTiming.TwoParty;

/// <summary>
/// What it takes until there are silent COTs in both directions, with one process doing both parties' work in turn.
/// </summary>
/// <param name="Server">The server's time.</param>
/// <param name="Client">The client's time.</param>
/// <param name="ServerBytes">Bytes that the server sends.</param>
/// <param name="ClientBytes">Bytes that the client sends.</param>
internal sealed record SetUpCost(TimeSpan Server, TimeSpan Client, long ServerBytes, long ClientBytes)
{
    /// <summary>Measures it; of several times the fastest counts.</summary>
    /// <param name="times">How many.</param>
    /// <param name="cancellationToken">Looked at between them.</param>
    public static SetUpCost Measure(int times, CancellationToken cancellationToken) =>
        Enumerable.Range(0, times).Select(_ =>
        {
            cancellationToken.ThrowIfCancellationRequested();
            GC.Collect(); // a connection's state is tens of megabytes, which would pile up
            return Measure();
        }).MinBy(cost => cost.Server + cost.Client)!;

    private static SetUpCost Measure()
    {
        var clock = new Clock();
        using SetUp server = clock.Time(Party.Server, () => SetUp.For(Party.Server));
        using SetUp client = clock.Time(Party.Client, () => SetUp.For(Party.Client));
        clock.Run(server, client);
        using Transfers atServer = clock.Time(Party.Server, server.Finish);
        using Transfers atClient = clock.Time(Party.Client, client.Finish);
        using Protocol serverExtends = clock.Time(Party.Server, () => atServer.Extend(1, 1));
        using Protocol clientExtends = clock.Time(Party.Client, () => atClient.Extend(1, 1));
        clock.Run(serverExtends, clientExtends);
        return new SetUpCost(clock.Times[0], clock.Times[1], clock.Bytes[0], clock.Bytes[1]);
    }

    private sealed class Clock
    {
        public TimeSpan[] Times { get; } = new TimeSpan[2];

        public long[] Bytes { get; } = new long[2];

        public T Time<T>(Party party, Func<T> work)
        {
            long began = Stopwatch.GetTimestamp();
            T result = work();
            Times[(int)party] += Stopwatch.GetElapsedTime(began);
            return result;
        }

        public void Run(Protocol server, Protocol client)
        {
            while (server.Due is { } due)
            {
                (Protocol from, Protocol to) = due.From == Party.Server ? (server, client) : (client, server);
                var message = new byte[due.Bytes];
                Bytes[(int)due.From] += message.Length;
                Time(from.Self, () =>
                {
                    from.Write(message);
                    return true;
                });
                Time(to.Self, () =>
                {
                    to.Read(message);
                    return true;
                });
            }
        }
    }
}
