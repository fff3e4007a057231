using Popcorn.ObliviousTransfer.Bits;
using Popcorn.ObliviousTransfer.Correlations;
using Popcorn.ObliviousTransfer.Flows;

namespace Popcorn.ObliviousTransfer.Tests.Correlations;

/// <summary>Runs both parties of a circuit, gate by gate, and keeps what each of them saw.</summary>
internal sealed class CircuitRun : IDisposable
{
    private readonly Circuit _circuit;
    private readonly int _items;
    private readonly GateMemory _server;
    private readonly GateMemory _client;
    private readonly List<BitPlanes> _memory = [];
    private readonly List<BitPlanes> _seenByServer = [];
    private readonly List<BitPlanes> _seenByClient = [];

    /// <summary>Prepares and runs.</summary>
    /// <param name="circuit">Its gates.</param>
    /// <param name="items">How many items.</param>
    /// <param name="server">The server's pads.</param>
    /// <param name="client">The client's.</param>
    /// <param name="load">Fills a party's inputs.</param>
    public CircuitRun(
        Circuit circuit, int items, IPadSource server, IPadSource client, Action<Party, BitPlanes> load)
    {
        (_circuit, _items) = (circuit, items);
        (_server, _client) = (MemoryOf(Party.Server), MemoryOf(Party.Client));
        load(Party.Server, _server.Inputs);
        load(Party.Client, _client.Inputs);
        foreach (Gate gate in circuit.Gates)
        {
            gate.Draw(_server, server);
            gate.Draw(_client, client);
        }

        if (circuit.IsKnown)
        {
            Correct();
        }

        foreach (Gate gate in circuit.PreparedBy(Party.Server))
        {
            BitPlanes message = New(gate.PreparedPlanes);
            gate.WritePrepared(_server, message);
            gate.ReadPrepared(_client, message);
            _seenByClient.Add(message);
        }

        if (!circuit.IsKnown)
        {
            Correct();
        }

        Finish(0);
        foreach (int flow in circuit.Flows.Where(flow => flow > 0))
        {
            Party from = Circuit.SenderOf(flow);
            (GateMemory sender, GateMemory receiver) = from == Party.Server ? (_server, _client) : (_client, _server);
            foreach (Gate gate in circuit.SendersOf(flow))
            {
                BitPlanes message = receiver.MessageTo(gate);
                gate.Write(sender, message);
                (from == Party.Server ? _seenByClient : _seenByServer).Add(message);
            }

            Finish(flow);
        }
    }

    /// <summary>A party's share of a wire.</summary>
    public BitPlanes Share(Party party, Wire wire) => (party == Party.Server ? _server : _client)[wire];

    /// <summary>A party's tickets, and all that the other sent it.</summary>
    public IEnumerable<BitPlanes> View(Party party) => party == Party.Server
        ? _seenByServer.Prepend(_server.TicketPlanes)
        : _seenByClient.Prepend(_client.TicketPlanes);

    /// <summary>What a party got from the other.</summary>
    public IEnumerable<BitPlanes> Messages(Party to) => to == Party.Server ? _seenByServer : _seenByClient;

    public void Dispose()
    {
        foreach (BitPlanes planes in _memory)
        {
            planes.Free();
        }
    }

    private void Correct()
    {
        foreach (Gate gate in _circuit.PreparedBy(Party.Client))
        {
            BitPlanes message = New(gate.CorrectionPlanes);
            gate.WriteCorrections(_client, message);
            gate.ReadCorrections(_server, message);
            _seenByServer.Add(message);
        }
    }

    private void Finish(int flow)
    {
        foreach (GateMemory memory in new[] { _server, _client })
        {
            foreach (Gate gate in _circuit.FinishedAfter(flow, memory.Self))
            {
                gate.Finish(memory);
            }
        }
    }

    private GateMemory MemoryOf(Party party) => new()
    {
        Self = party,
        Inputs = New(_circuit.InputPlanes),
        TicketPlanes = New(_circuit.TicketPlanes(party)),
        Drafts = New(_circuit.DraftPlanes(party)),
        Results = New(_circuit.ResultPlanes),
        Messages = New(_circuit.MessagePlanes(party.Other())),
        Scratch = New(_circuit.ScratchPlanes),
    };

    private BitPlanes New(int planes)
    {
        var memory = new BitPlanes(planes, _items);
        _memory.Add(memory);
        return memory;
    }
}
