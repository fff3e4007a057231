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

    /// <summary>Runs protocols side by side: in turns, each has its message sent or received that is due.</summary>
    /// <param name="protocols">This party's sides; the other party has the same in the same order.</param>
    public async Task RunAsync(params IReadOnlyList<Protocol> protocols)
    {
        while (protocols.Any(protocol => protocol.Due is not null))
        {
            Protocol[] sending = [.. protocols.Where(protocol => protocol.Due?.From == protocol.Self)];
            Protocol[] receiving = [.. protocols.Where(protocol => protocol.Due?.From == protocol.Self.Other())];
            // Where both parties send, neither waits for the other to read before it reads itself.
            Task sent = sending.Length > 0 && receiving.Length > 0
                ? Task.Run(() => WriteAsync(sending))
                : WriteAsync(sending);
            try
            {
                await ReadAsync(receiving).ConfigureAwait(false);
            }
            finally
            {
                await sent.ConfigureAwait(false);
            }
        }
    }

    /// <summary>Sends a message.</summary>
    /// <param name="message">Not to be changed afterwards.</param>
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

    private async Task WriteAsync(Protocol[] protocols)
    {
        foreach (Protocol protocol in protocols)
        {
            byte[] message = GC.AllocateUninitializedArray<byte>(protocol.Due!.Value.Bytes);
            protocol.Write(message);
            await SendAsync(message).ConfigureAwait(false);
        }
    }

    private async Task ReadAsync(Protocol[] protocols)
    {
        foreach (Protocol protocol in protocols)
        {
            ReadOnlyMemory<byte> message = await ReceiveAsync(protocol.Due!.Value.Bytes).ConfigureAwait(false);
            try
            {
                protocol.Read(message.Span);
            }
            catch (TransferException e)
            {
                throw new PopcornException(
                    PopcornError.Protocol, $"The peer sent what an honest one does not: {e.Message}; refused.", e);
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
}
