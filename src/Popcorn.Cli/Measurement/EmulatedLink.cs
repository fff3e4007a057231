using System.Collections.Concurrent;
using System.Diagnostics;
using Popcorn.Engine.Wire;

namespace Popcorn.Cli.Measurement;

/// <summary>A network between two parties in one process: messages take their time, and those of one direction queue.
/// </summary>
/// <param name="DelayMilliseconds">From the last bit sent to its arrival.</param>
/// <param name="Mbit">Megabits a second in each direction; 0: any number.</param>
internal sealed record EmulatedLink(double DelayMilliseconds, double Mbit)
{
    /// <summary>Whether messages arrive at once.</summary>
    public bool IsNone => DelayMilliseconds == 0 && Mbit == 0;

    /// <summary>How long bytes of one direction occupy the link.</summary>
    public double SecondsFor(long bytes) => Mbit == 0 ? 0 : bytes * 8 / (Mbit * 1e6);

    /// <summary>
    /// The least time for an exchange: what takes longest of computing and sending in either direction, for they
    /// overlap, and a delay each way for every round.
    /// </summary>
    public double SecondsWith(double computing, long bytesUp, long bytesDown, int rounds) =>
        Math.Max(computing, Math.Max(SecondsFor(bytesUp), SecondsFor(bytesDown)))
        + rounds * 2 * DelayMilliseconds / 1000;

    /// <summary>Puts the link between the two ends of a channel.</summary>
    public (IMessageChannel Client, IMessageChannel Server) Between(
        (IMessageChannel Client, IMessageChannel Server) ends)
    {
        if (IsNone)
        {
            return ends;
        }

        var up = new Direction(this);
        var down = new Direction(this);
        return (new End(ends.Client, up, down), new End(ends.Server, down, up));
    }

    /// <summary>When the messages on their way will arrive.</summary>
    private sealed class Direction(EmulatedLink link)
    {
        private readonly ConcurrentQueue<long> _arrivals = new();
        private long _free;

        public void Enter(int bytes)
        {
            _free = Math.Max(_free, Stopwatch.GetTimestamp()) + Ticks(link.SecondsFor(bytes));
            _arrivals.Enqueue(_free + Ticks(link.DelayMilliseconds / 1000));
        }

        public async Task LeaveAsync(CancellationToken cancellationToken)
        {
            if (_arrivals.TryDequeue(out long arrival))
            {
                // A timer may be early.
                while (Stopwatch.GetElapsedTime(Stopwatch.GetTimestamp(), arrival) is var left && left > TimeSpan.Zero)
                {
                    await Task.Delay(left, cancellationToken).ConfigureAwait(false);
                }
            }
        }

        private static long Ticks(double seconds) => (long)(seconds * Stopwatch.Frequency);
    }

    private sealed class End(IMessageChannel inner, Direction outgoing, Direction incoming) : IMessageChannel
    {
        public ValueTask SendAsync(ReadOnlyMemory<byte> message, CancellationToken cancellationToken)
        {
            outgoing.Enter(message.Length);
            return inner.SendAsync(message, cancellationToken);
        }

        public async ValueTask<byte[]?> ReceiveAsync(CancellationToken cancellationToken)
        {
            byte[]? message = await inner.ReceiveAsync(cancellationToken).ConfigureAwait(false);
            if (message is not null)
            {
                await incoming.LeaveAsync(cancellationToken).ConfigureAwait(false);
            }

            return message;
        }

        public ValueTask DisposeAsync() => inner.DisposeAsync();
    }
}
