using Popcorn.ObliviousTransfer.Flows;

namespace Popcorn.KernelTiming.TwoParty;

/// <summary>COTs of direction 0, made by either extension.</summary>
/// <param name="connection">A connection that makes nothing else.</param>
/// <param name="count">How many a run makes.</param>
/// <param name="first">Who sends the message: the server in the silent extension, the client in SoftSpoken.</param>
internal sealed class CotRuns(Connection connection, int count, Party first) : RunAhead
{
    protected override void Refill() => connection.Drop();

    protected override void RunFirst(int run)
    {
        using Protocol protocol = Begin(first);
        protocol.Write(Message(run, protocol.Due!.Value.Bytes));
    }

    protected override void RunSecond(int run)
    {
        using Protocol protocol = Begin(first.Other());
        protocol.Read(Message(run, protocol.Due!.Value.Bytes));
    }

    private Protocol Begin(Party party) => party == Party.Server
        ? connection.Server.Extend(connection.Server.Sending.Available + count, 0)
        : connection.Client.Extend(0, connection.Client.Receiving.Available + count);
}
