using Popcorn.ObliviousTransfer.Bits;
using Popcorn.ObliviousTransfer.Correlations;
using Popcorn.ObliviousTransfer.Flows;

namespace Popcorn.KernelTiming.TwoParty;

/// <summary>
/// Preparation of a comparison's table of three bits with two bits an entry (less, equal): one pad of eight, drawn at
/// random, and the correction of the client's choice.
/// </summary>
/// <param name="connection">A connection that is used for nothing else.</param>
/// <param name="count">How many a run takes.</param>
internal sealed class TableRuns(Connection connection, int count) : RunAhead
{
    /// <summary>Bits of the client's choice.</summary>
    public const int ChoiceBits = 3;

    private static readonly Wire Number = new(Wire.Input, 0, ChoiceBits);

    private readonly TableGate _gate = new(
        Number, [new TableBit(Number, Equal: false), new TableBit(Number, Equal: true)], known: true);

    private readonly GateMemory _server = MemoryOf(Party.Server, count);
    private readonly GateMemory _client = MemoryOf(Party.Client, count);
    private readonly BitPlanes _read = new(ChoiceBits, count);
    private readonly BitPlanes _written = new(ChoiceBits, count);

    private int Bytes { get; } = ChoiceBits * PlaneBytes.BytesOfPlane(count);

    protected override void Refill() => connection.Extend((long)Runs * count * ChoiceBits, 0);

    protected override void RunFirst(int run)
    {
        _gate.Draw(_client, connection.Client.Pads);
        _gate.WriteCorrections(_client, _written);
        PlaneBytes.Write(_written, Message(run, Bytes));
    }

    protected override void RunSecond(int run)
    {
        _gate.Draw(_server, connection.Server.Pads);
        PlaneBytes.Read(Message(run, Bytes), _read);
        _gate.ReadCorrections(_server, _read);
    }

    private static GateMemory MemoryOf(Party self, int count) => new()
    {
        Self = self,
        Inputs = new BitPlanes(ChoiceBits, count),
        TicketPlanes = new BitPlanes(2 << ChoiceBits, count),
        Drafts = new BitPlanes(ChoiceBits, count),
        Scratch = new BitPlanes(1, count),
    };
}
