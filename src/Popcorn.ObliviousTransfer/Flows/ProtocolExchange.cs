namespace Popcorn.ObliviousTransfer.Flows;

/// <summary>Runs protocols over an exchange of messages.</summary>
public static class ProtocolExchange
{
    /// <summary>Sends and receives what is left of a protocol.</summary>
    /// <param name="protocol">This party's side.</param>
    /// <param name="exchange">The way to the other party.</param>
    /// <param name="step">The protocol's number; the same for both.</param>
    public static async ValueTask RunAsync(this Protocol protocol, IMessageExchange exchange, int step)
    {
        while (protocol.Due is { } due)
        {
            int flow = protocol.Position;
            if (due.From == protocol.Self)
            {
                byte[] message = GC.AllocateUninitializedArray<byte>(due.Bytes);
                protocol.Write(message);
                await exchange.SendAsync(step, flow, message).ConfigureAwait(false);
            }
            else
            {
                ReadOnlyMemory<byte> message = await exchange.ReceiveAsync(step, flow).ConfigureAwait(false);
                protocol.Read(message.Span);
            }
        }
    }
}
