using Popcorn.Engine.Planning;
using Popcorn.Engine.Protocols;
using Popcorn.ObliviousTransfer.Flows;

namespace Popcorn.Engine.Shares;

/// <summary>
/// Messages of one step, of any length that both parties know: those that are longer than an exchange takes are sent in
/// parts.
/// </summary>
/// <param name="exchange">The way to the other party.</param>
/// <param name="step">The step's number.</param>
internal sealed class StepMessages(IExchange exchange, int step)
{
    private int _sent;
    private int _received;

    /// <summary>
    /// Runs protocols side by side. Of all their messages the first ones travel first, then the second ones, and so on;
    /// but each protocol goes on as soon as its own message is there, so that both parties work at the same time, and
    /// so do reading and writing.
    /// </summary>
    /// <param name="protocols">This party's sides; the other party has the same in the same order.</param>
    public async Task RunAsync(params IReadOnlyList<Protocol> protocols)
    {
        Turns[] all = [.. protocols.Select(protocol => new Turns(protocol))];
        Task writing = Task.Run(() => OrFailAsync(all, WriteAsync));
        try
        {
            await OrFailAsync(all, ReadAsync).ConfigureAwait(false);
        }
        catch (Exception e)
        {
            // Nothing may be disposed of while it is written; and reading ends for no reason of its own where writing
            // failed.
            await writing.ConfigureAwait(
                e is OperationCanceledException ? default : ConfigureAwaitOptions.SuppressThrowing);
            throw;
        }

        await writing.ConfigureAwait(false);
    }

    /// <summary>Sends a message.</summary>
    /// <param name="message">Not to be changed before it is sent.</param>
    public async ValueTask SendAsync(ReadOnlyMemory<byte> message)
    {
        for (int first = 0; first < message.Length; first += Plan.MaxPayloadBytes)
        {
            int length = Math.Min(Plan.MaxPayloadBytes, message.Length - first);
            await exchange.SendAsync(step, _sent++, message.Slice(first, length)).ConfigureAwait(false);
        }
    }

    /// <summary>Receives a message.</summary>
    /// <param name="bytes">Its length.</param>
    public async ValueTask<ReadOnlyMemory<byte>> ReceiveAsync(int bytes)
    {
        if (bytes is > 0 and <= Plan.MaxPayloadBytes)
        {
            return await ReceivePartAsync(bytes).ConfigureAwait(false);
        }

        var message = new byte[bytes];
        for (int first = 0; first < bytes; first += Plan.MaxPayloadBytes)
        {
            int length = Math.Min(Plan.MaxPayloadBytes, bytes - first);
            ReadOnlyMemory<byte> part = await ReceivePartAsync(length).ConfigureAwait(false);
            part.CopyTo(message.AsMemory(first));
        }

        return message;
    }

    private async Task WriteAsync(Turns[] all)
    {
        byte[] buffer = [];
        foreach ((Turns turns, int flow) in InOrder(all, isOwn: true))
        {
            await turns.ComesToAsync(flow).ConfigureAwait(false);
            int bytes = turns.Protocol.Flows[flow].Bytes;
            if (buffer.Length < bytes)
            {
                buffer = GC.AllocateUninitializedArray<byte>(bytes);
            }

            turns.Protocol.Write(buffer.AsSpan(0, bytes));
            turns.Finish(flow);
            await SendAsync(buffer.AsMemory(0, bytes)).ConfigureAwait(false);
        }
    }

    private async Task ReadAsync(Turns[] all)
    {
        foreach ((Turns turns, int flow) in InOrder(all, isOwn: false))
        {
            await turns.ComesToAsync(flow).ConfigureAwait(false);
            ReadOnlyMemory<byte> message =
                await ReceiveAsync(turns.Protocol.Flows[flow].Bytes).ConfigureAwait(false);
            try
            {
                turns.Protocol.Read(message.Span);
            }
            catch (TransferException e)
            {
                throw new PopcornException(
                    PopcornError.Protocol, $"The peer sent what an honest one does not: {e.Message}; refused.", e);
            }

            turns.Finish(flow);
        }
    }

    /// <summary>Where one of the two tasks fails, the other one waits for nothing more.</summary>
    private static async Task OrFailAsync(Turns[] all, Func<Turns[], Task> part)
    {
        try
        {
            await part(all).ConfigureAwait(false);
        }
        catch
        {
            Array.ForEach(all, turns => turns.Fail());
            throw;
        }
    }

    private static IEnumerable<(Turns Turns, int Flow)> InOrder(Turns[] all, bool isOwn)
    {
        int flows = all.Select(turns => turns.Protocol.Flows.Count).DefaultIfEmpty().Max();
        for (int flow = 0; flow < flows; flow++)
        {
            foreach (Turns turns in all)
            {
                Protocol protocol = turns.Protocol;
                if (flow < protocol.Flows.Count && (protocol.Flows[flow].From == protocol.Self) == isOwn)
                {
                    yield return (turns, flow);
                }
            }
        }
    }

    private async ValueTask<ReadOnlyMemory<byte>> ReceivePartAsync(int bytes)
    {
        ReadOnlyMemory<byte> part = await exchange.ReceiveAsync(step, _received++).ConfigureAwait(false);
        return part.Length == bytes
            ? part
            : throw new PopcornException(
                PopcornError.Protocol, $"The peer sent {part.Length} bytes where {bytes} were due; refused.");
    }

    /// <summary>A protocol between the task that writes and the one that reads: one of them has it at a time.</summary>
    private sealed class Turns(Protocol protocol)
    {
        private readonly TaskCompletionSource[] _finished = [.. protocol.Flows.Select(
            _ => new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously))];

        public Protocol Protocol => protocol;

        /// <summary>Until all before a flow is done.</summary>
        public Task ComesToAsync(int flow) => flow == 0 ? Task.CompletedTask : _finished[flow - 1].Task;

        public void Finish(int flow) => _finished[flow].TrySetResult();

        /// <summary>Whoever waits waits in vain.</summary>
        public void Fail() => Array.ForEach(_finished, flow => flow.TrySetCanceled());
    }
}
