using Popcorn.ObliviousTransfer.Extension;
using Popcorn.ObliviousTransfer.Flows;

namespace Popcorn.ObliviousTransfer.Sessions;

/// <summary>
/// Makes COTs in both directions. What must be sent follows from what both parties know; stages of the same sender that
/// follow each other share a message, as long as they make few COTs and it does not become too long for an exchange.
/// </summary>
internal sealed class ExtensionProtocol : Protocol
{
    /// <summary>Of a message of several stages.</summary>
    private const int MostBytes = 1 << 23;

    private readonly List<(CotPool Pool, Stage Stage)[]> _messages;

    public ExtensionProtocol(Transfers transfers, long sending, long receiving)
        : this(transfers, MessagesOf(transfers, sending, receiving))
    {
    }

    private ExtensionProtocol(Transfers transfers, List<(CotPool Pool, Stage Stage)[]> messages)
        : base(
            transfers.Self,
            [.. messages.Select(parts => new Flow(
                SenderOf(parts[0].Pool, parts[0].Stage), parts.Sum(part => part.Stage.Bytes)))]) =>
        _messages = messages;

    protected override void OnWrite(int flow, Span<byte> message)
    {
        foreach ((CotPool pool, Stage stage) in _messages[flow])
        {
            pool.Run(stage, default, message[..stage.Bytes]);
            message = message[stage.Bytes..];
        }
    }

    protected override void OnRead(int flow, ReadOnlySpan<byte> message)
    {
        foreach ((CotPool pool, Stage stage) in _messages[flow])
        {
            pool.Run(stage, message[..stage.Bytes], default);
            message = message[stage.Bytes..];
        }
    }

    private static Party SenderOf(CotPool pool, Stage stage)
    {
        Party holdsDelta = pool.Direction == 0 ? Party.Server : Party.Client;
        return stage.Kind == StageKind.Trees ? holdsDelta : holdsDelta.Other();
    }

    /// <summary>Stages of direction 0, then of direction 1, by messages.</summary>
    private static List<(CotPool Pool, Stage Stage)[]> MessagesOf(Transfers transfers, long sending, long receiving)
    {
        (CotPool, Stage)[] own = [.. transfers.Sending.StagesFor(sending).Select(s => ((CotPool)transfers.Sending, s))];
        (CotPool, Stage)[] other =
            [.. transfers.Receiving.StagesFor(receiving).Select(s => ((CotPool)transfers.Receiving, s))];
        List<(CotPool Pool, Stage Stage)[]> messages = [];
        foreach ((CotPool Pool, Stage Stage) part in
            transfers.Self == Party.Server ? own.Concat(other) : other.Concat(own))
        {
            if (messages.Count > 0 && SenderOf(messages[^1][0].Pool, messages[^1][0].Stage)
                == SenderOf(part.Pool, part.Stage)
                && messages[^1].Sum(earlier => (long)earlier.Stage.Bytes) + part.Stage.Bytes <= MostBytes
                && messages[^1].Sum(earlier => (long)earlier.Stage.Usable) + part.Stage.Usable <= CotPool.MostOfStage)
            {
                messages[^1] = [.. messages[^1], part];
            }
            else
            {
                messages.Add([part]);
            }
        }

        return messages;
    }
}
