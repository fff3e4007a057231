using Popcorn.Engine.Planning;
using Popcorn.Engine.Wire.Messages;

namespace Popcorn.Engine.Sessions;

/// <summary>
/// What arrives for lanes of steps that run side by side. Messages of one lane come in the order in which it asks for
/// them; those of another may come first and are kept for it. One task reads for all: whoever waits when nobody does.
/// </summary>
/// <param name="read">Reads the next message.</param>
/// <param name="plan">Tells what lane a step is of; null: there is but one.</param>
internal sealed class Inbox(Func<CancellationToken, ValueTask<Chunk>> read, Plan? plan)
{
    /// <summary>What a message that is kept takes beside its bytes: of those without any there are not many either.
    /// </summary>
    private const int BytesOfKept = 256;

    private readonly Lock _lock = new();
    private readonly Dictionary<int, Queue<Chunk>> _early = [];
    private readonly Dictionary<int, TaskCompletionSource<Chunk?>> _waiting = []; // null: its turn to read
    private bool _isRead;
    private long _earlyBytes;

    /// <summary>Whether lanes run side by side now; where they do not, no message comes before it is due.</summary>
    public bool HasLanes { get; set; }

    /// <summary>Whether something has come that nobody asked for.</summary>
    public bool HasRest
    {
        get
        {
            lock (_lock)
            {
                return _early.Values.Any(queue => queue.Count > 0);
            }
        }
    }

    /// <summary>The message of a step that is due.</summary>
    /// <exception cref="PopcornException">Another one of its lane came.</exception>
    public async ValueTask<ReadOnlyMemory<byte>> ReceiveAsync(int step, int first, CancellationToken cancellationToken)
    {
        Chunk chunk = await NextAsync(LaneOf((uint)step), cancellationToken).ConfigureAwait(false);
        return chunk.Step == (uint)step && chunk.First == (uint)first
            ? chunk.Payload.Memory
            : throw new PopcornException(
                PopcornError.Protocol,
                $"The peer sent item {chunk.First} of step {chunk.Step} where item {first} of step {step} was due.");
    }

    private async ValueTask<Chunk> NextAsync(int lane, CancellationToken cancellationToken)
    {
        TaskCompletionSource<Chunk?>? waiting = null;
        lock (_lock)
        {
            if (_early.TryGetValue(lane, out Queue<Chunk>? queue) && queue.TryDequeue(out Chunk? early))
            {
                _earlyBytes -= early.Payload.Length + BytesOfKept;
                return early;
            }

            if (_isRead)
            {
                waiting = new(TaskCreationOptions.RunContinuationsAsynchronously);
                _waiting.Add(lane, waiting);
            }

            _isRead = true;
        }

        return (waiting is null ? null : await waiting.Task.ConfigureAwait(false))
            ?? await ReadUntilAsync(lane, cancellationToken).ConfigureAwait(false);
    }

    private async ValueTask<Chunk> ReadUntilAsync(int lane, CancellationToken cancellationToken)
    {
        try
        {
            while (true)
            {
                Chunk chunk = await read(cancellationToken).ConfigureAwait(false);
                int own = LaneOf(chunk.Step);
                if (own == lane)
                {
                    return chunk;
                }

                HandOver(own, chunk);
            }
        }
        finally
        {
            // Where reading failed it fails for the next one too.
            lock (_lock)
            {
                int? next = _waiting.Count == 0 ? null : _waiting.Keys.First();
                _isRead = next is not null;
                if (next is int heir)
                {
                    _waiting.Remove(heir, out TaskCompletionSource<Chunk?>? source);
                    source!.SetResult(null);
                }
            }
        }
    }

    private void HandOver(int lane, Chunk chunk)
    {
        lock (_lock)
        {
            if (_waiting.Remove(lane, out TaskCompletionSource<Chunk?>? waiting))
            {
                waiting.SetResult(chunk);
                return;
            }

            _earlyBytes += chunk.Payload.Length + BytesOfKept;
            if (_earlyBytes > plan!.MostBytesAhead)
            {
                throw new PopcornException(
                    PopcornError.Protocol,
                    $"The peer sent more than {plan.MostBytesAhead >> 20} MiB ahead of what was due; refused.");
            }

            if (!_early.TryGetValue(lane, out Queue<Chunk>? queue))
            {
                _early.Add(lane, queue = new Queue<Chunk>());
            }

            queue.Enqueue(chunk);
        }
    }

    private int LaneOf(uint step) =>
        HasLanes && step < (plan?.Steps.Count ?? 0) ? plan!.Steps[(int)step].Lane : 0;
}
