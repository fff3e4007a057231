using Popcorn.ObliviousTransfer.Bits;
using Popcorn.ObliviousTransfer.Correlations;
using Popcorn.ObliviousTransfer.Flows;

namespace Popcorn.KernelTiming.TwoParty;

/// <summary>Preparation of an AND of one bit with two others: a double triple, of a COT in each direction.</summary>
/// <param name="connection">A connection that is used for nothing else.</param>
/// <param name="count">How many a run takes.</param>
internal sealed class TripleRuns(Connection connection, int count) : RunAhead
{
    private const int Factors = 2;

    private static readonly Wire Bits = new(Wire.Input, 0, 1 + Factors);

    private readonly AndGate _gate = new(Bits[0], (Bits[1], null), (Bits[2], null));
    private readonly GateMemory _server = MemoryOf(Party.Server, count);
    private readonly GateMemory _client = MemoryOf(Party.Client, count);

    protected override void Refill() => connection.Extend((long)Runs * count, (long)Runs * count);

    protected override void RunFirst(int run) => _gate.Draw(_server, connection.Server.Pads);

    protected override void RunSecond(int run) => _gate.Draw(_client, connection.Client.Pads);

    private static GateMemory MemoryOf(Party self, int count) => new()
    {
        Self = self,
        TicketPlanes = new BitPlanes(1 + (2 * Factors), count),
        Scratch = new BitPlanes(3 * Factors, count),
    };
}
